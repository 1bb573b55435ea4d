# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules preflight and preflight_legacy_jobs."""

from __future__ import annotations

import typing as t

from ..acceptance import DEFAULT_MARK
from ..base.bounded import deadline_option
from ..base.options import Options, option

_COMPONENT: t.Final[Options] = {
    "component": option("str", "Only for hosts with this component."),
}

OPTIONS: t.Final[Options] = {
    "host": option(
        "str",
        "Name of the host in the inventory, for the advice on how to accept it.",
        required=True,
    ),
    "components": option(
        "list",
        "Components of this host. Entries with a C(component) that is not among them are left out.",
        elements="str",
        default=[],
    ),
    "python_modules": option(
        "list",
        "Python modules that must be importable, with the package that brings them.",
        elements="dict",
        default=[],
        options={
            "module": option("str", "Name as it is imported.", required=True, min_length=1),
            "package": option(
                "str", "Package to install when it is missing.", required=True, min_length=1
            ),
            **_COMPONENT,
        },
    ),
    "required_paths": option(
        "list",
        "Paths that must exist. What is not given does not matter.",
        elements="dict",
        default=[],
        options={
            "path": option("path", "Absolute path; links are followed.", required=True),
            "type": option(
                "str", "What the path must be.", choices=["directory", "file", "socket"]
            ),
            "owner": option("str", "Name of the owner."),
            "group": option("str", "Name of the group."),
            "mode": option("str", "Mode as four octal digits in quotes.", pattern="[0-7]{4}"),
            **_COMPONENT,
        },
    ),
    "units": option(
        "list",
        "Units that systemd must know.",
        elements="dict",
        default=[],
        options={
            "name": option("str", "Full name of the unit; not a pattern.", required=True),
            **_COMPONENT,
        },
    ),
    "disk": option(
        "list",
        "Paths whose file system must have room; below half of the minimum is critical.",
        elements="dict",
        default=[],
        options={
            "path": option("path", "Any path on the file system.", required=True),
            "min_free_percent": option(
                "float",
                "Least free share in per cent, as ordinary users see it.",
                required=True,
                minimum=0,
                maximum=100,
            ),
            **_COMPONENT,
        },
    ),
    "legacy_patterns": option(
        "list",
        "Regular expressions (Python) of commands and paths by which old jobs are known.",
        elements="str",
        default=[],
    ),
    "require_acceptance": option(
        "bool", "Whether a host that nobody accepted is a critical finding.", default=True
    ),
    "accept_by": option(
        "str", "Accept the host in the name of this person, unless it is accepted already."
    ),
    "run_id": option("str", "Id of the run, kept with the acceptance.", default=""),
    "marker": option(
        "path", "File that says who accepted the host and when.", default=DEFAULT_MARK
    ),
    "clock_warning": option(
        "float",
        "Seconds between the clocks of host and controller above which a warning is given.",
        default=2.0,
        minimum=0,
    ),
    "clock_critical": option(
        "float",
        "Seconds between the clocks of host and controller above which it is critical.",
        default=30.0,
        minimum=0,
    ),
    **deadline_option(120),
}

LEGACY_OPTIONS: t.Final[Options] = {
    "patterns": option(
        "list",
        "Regular expressions (Python) of commands and paths by which old jobs are known.",
        elements="str",
        required=True,
    ),
    "state": option("str", "What becomes of them.", choices=["adopted", "removed"], required=True),
    "archive": option(
        "path",
        "Folder for what is removed; each run makes a folder of its own in it.",
        default="/var/lib/upkeep/legacy",
    ),
    **deadline_option(120),
}
