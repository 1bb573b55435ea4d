# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of app_tests: the suites, what they have in common, and the baseline of their figures."""

from __future__ import annotations

import typing as t

from ..base.options import Options, option, requirements
from ..cadence import CADENCES

_COVERAGE: t.Final[Options] = {
    "source": option("list", "Python packages.", elements="str", required=True, min_items=1),
    "minimum": option("float", "Least share, percent.", required=True, above=0, maximum=100),
    "requirements": requirements(),
}

_FIGURE: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the figure, unique on the host.",
        required=True,
        pattern=r"[a-z][a-z0-9_.-]{0,59}",
    ),
    "worse": option("str", "Which way is worse.", choices=("above", "below"), default="above"),
    "warning_percent": option(
        "float",
        "By how much worse than its baseline it may be, percent; C(warning) beyond.",
        required=True,
        above=0,
    ),
    "critical_percent": option("float", "The same for C(critical).", above=0),
    "requirements": requirements(),
}

SUITE: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the suite, unique on the host; its finding is called C(tests:name).",
        required=True,
        pattern=r"[a-z][a-z0-9_-]{0,39}",
    ),
    "paths": option(
        "list",
        "Test files and folders, relative to the project's folder.",
        elements="str",
        required=True,
        min_items=1,
        pattern=r"(?!/|-)[^\0]+",
    ),
    "marker": option("str", "Expression on pytest's markers that chooses tests.", default=""),
    "cadences": option(
        "list",
        "Cadences that run the suite; all of them when there are none.",
        elements="str",
        choices=CADENCES,
        min_items=1,
    ),
    "on_demand": option(
        "bool",
        "Whether it runs only when it is named, such as a part of another suite.",
        default=False,
    ),
    "database": option(
        "bool",
        "Whether it needs the test database. Only then does it get the environment file.",
        default=False,
    ),
    "environment": option("dict", "Variables of this suite.", default={}),
    "seconds": option("int", "Most time that it may take, s.", default=300, minimum=1),
    "coverage": option(
        "dict",
        "Measure what share of the code its tests run through; adds the finding "
        "C(tests:name.coverage).",
        options=_COVERAGE,
    ),
    "figures": option(
        "list",
        "Figures that its tests measure, each compared with the baseline as "
        "C(performance:figure). A test gives one by pytest's C(record_property), with the name "
        "C(figure:NAME) and the value C(NUMBER UNIT).",
        elements="dict",
        default=[],
        options=_FIGURE,
    ),
    "requirements": requirements(),
}

SETUP: t.Final[Options] = {
    "user": option("str", "Service user that the tests run as. Never root.", default=""),
    "folder": option("path", "Folder of the project.", pattern="/.*"),
    "interpreter": option(
        "path",
        "The application's Python, which must have pytest.",
        default="/usr/bin/python3",
        pattern="/.*",
    ),
    "python_path": option(
        "list",
        "Folders in which the tests find the application's packages.",
        elements="path",
        default=[],
    ),
    "chdir": option(
        "path",
        "Folder to work in, for tests that read files by relative names; what they write there "
        "stays. By default a scratch folder that is removed afterwards.",
    ),
    "environment_file": option(
        "path", "File on the host with the variables of the test database, in systemd's format."
    ),
    "database": option(
        "dict",
        "The test database that the environment file must lead to.",
        options={
            "name": option("str", "Its name.", required=True),
            "host": option("str", "Its server; empty for this host.", default=""),
        },
    ),
    "production_units": option(
        "list",
        "Units of production on the host. No database of their environment may be used.",
        elements="str",
        default=[],
    ),
    "seconds": option("int", "Most time for all suites, s.", default=1800, minimum=1),
    "memory_mb": option(
        "int", "Most memory that a process of a suite may use, MiB.", default=4096, minimum=1
    ),
    "space_mb": option(
        "int", "Most space that a suite may use in its scratch folder, MiB.", default=256, minimum=1
    ),
    "baseline_max_age_days": option(
        "int",
        "Days after which a record of the baseline is due for renewal, C(info). 0 for never.",
        default=0,
        minimum=0,
    ),
}

OPTIONS: t.Final[Options] = {
    # Secret because of their environments: Ansible keeps the whole list out of the target's log.
    "suites": option(
        "list", "The suites, in order.", elements="dict", required=True, options=SUITE, secret=True
    ),
    "setup": option(
        "dict",
        "What all suites of the host have in common. A run needs C(user) and C(folder).",
        required=True,
        options=SETUP,
    ),
    "production_databases": option(
        "list",
        "Names of production databases, whatever their server.",
        elements="str",
        default=[],
    ),
    "baseline": option(
        "dict",
        [
            "The approved figures of this host by name, each a mapping with C(value), C(unit), "
            "C(approved_by), C(date) and perhaps C(tolerance), which has C(warning_percent) and "
            "C(critical_percent) and replaces those of the suite.",
            "A damaged record gives C(unknown) for its figure only.",
        ],
        default={},
    ),
    "baseline_problem": option(
        "str", "Why no baseline can be used. Every figure is C(unknown) then.", default=""
    ),
    "state": option(
        "str",
        [
            "V(tested) runs the suites and compares their figures.",
            "V(recorded) runs those that have figures and returns new records. It writes nothing.",
        ],
        choices=("tested", "recorded"),
        default="tested",
    ),
    "approved_by": option(
        "str", "Who approved the new baseline. Required with O(state=recorded).", default=""
    ),
}
