# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of data_quality: those of the module, and those that checks of every kind have.

A kind adds its own in its file in ``kinds/``.
"""

from __future__ import annotations

import typing as t

from ..base.login import login_options, run_as_option
from ..base.options import Options, option, requirements
from ..base.reader import ROLE
from ..cadence import CADENCES

#: Options that name where the data are; a kind declares those it can read.
SOURCES: t.Final = ("database", "sqlite", "folder")

#: The option of a kind that reads PostgreSQL.
DATABASE: t.Final[Options] = {
    "database": option("str", "PostgreSQL database that holds the data.", min_length=1),
}
#: The options of a kind that reads PostgreSQL or SQLite.
SQL: t.Final[Options] = {
    **DATABASE,
    "sqlite": option("str", "SQLite file that holds the data.", pattern=r"/[^\n]*"),
}
SCHEMA: t.Final[Options] = {
    "schema": option("str", "Schema of the table, or of the tables in a query.", default="public"),
}

#: Options of a check of any kind.
CHECK: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the check, unique in its kind; findings are called C(kind:name) and an aspect.",
        required=True,
        pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    ),
    "kind": option("str", "Kind of the check. It decides the further options.", required=True),
    "component": option(
        "str", "Component that holds the data; its hosts get the check.", required=True
    ),
    "cadences": option(
        "list",
        "Cadences that include this check; all of them when there are none.",
        elements="str",
        choices=CADENCES,
        min_items=1,
    ),
    "requirements": requirements(),
    "aspects": option(
        "dict",
        "Aspect to its limits, C(warning) and C(critical), and to C(requirements), which replace "
        "those of the whole check. A value beyond a limit gets that status.",
    ),
    "timeout": option(
        "float", "Seconds that one query may take.", default=30, above=0, maximum=3600
    ),
}

#: Options of the module.
OPTIONS: t.Final[Options] = {
    "checks": option(
        "list",
        "What to check. Which options a check has depends on its kind.",
        elements="dict",
        required=True,
    ),
    "cadence": option(
        "str",
        "Cadence of the run; V('') takes all checks.",
        choices=("", *CADENCES),
        default="",
    ),
    **login_options(ROLE),
    "run_as": run_as_option(ROLE),
    "max_seconds": option(
        "float",
        "Seconds for all checks together. What is not checked by then is C(unknown).",
        default=300,
        above=0,
        maximum=86400,
    ),
}
