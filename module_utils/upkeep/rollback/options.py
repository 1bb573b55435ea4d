# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module rollback."""

from __future__ import annotations

import typing as t

from ..base.alerts import silence_option
from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements
from ..base.redis_client import redis_login_options
from ..predictor_deploy.options import APP

CACHE: t.Final[Options] = {
    "name": option(
        "str", "Name of the cache.", required=True, pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*"
    ),
    **redis_login_options(),
    "database": option("int", "Number of its database.", default=0, minimum=0),
    "patterns": option(
        "list",
        "Keys that are deleted, such as C(opportunities:*). They are found in small steps; the"
        " server is never emptied.",
        elements="str",
        required=True,
        min_items=1,
        pattern=r"[^*?\[\]]+.*",
        why="a pattern that begins with a wildcard would delete what belongs to others",
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "app": option(
        "dict", "The application, as M(predictor_deploy) has it.", options=APP, required=True
    ),
    "release": option(
        "str",
        "Release to go back to; the newest other one that has proved itself without it.",
        default="",
        pattern=r"|[0-9A-Za-z][0-9A-Za-z.-]{0,63}",
    ),
    "quarantine": option(
        "bool", "Whether the release that is left may not be deployed again.", default=False
    ),
    "reason": option("str", "Why, for the record.", default=""),
    "caches": option(
        "list",
        "What is cleared once the release serves.",
        elements="dict",
        options=CACHE,
        default=[],
    ),
    "dependants": option(
        "list", "Units that are restarted once the release serves.", elements="str", default=[]
    ),
    "requirements": requirements(),
    "saved": option(
        "str", "Name of the backup set that was made before, for the record.", default=""
    ),
    **silence_option(),
    **deadline_option(7200),
}
