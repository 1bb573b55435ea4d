# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What restoring and rehearsing take: the one place of names, types and limits."""

from __future__ import annotations

import typing as t

from ..backup.options import VERIFY_OPTIONS
from ..base.bounded import deadline_option
from ..base.login import login_options, run_as_option
from ..base.options import Options, option, requirements
from ..base.redis_client import redis_login_options

#: The role that restores, and the account of the same name that peer authentication lets in.
ACCOUNT: t.Final = "upkeep_restore"
_PATH: t.Final = VERIFY_OPTIONS["root"]["pattern"]
_WHOLE_PATH: t.Final = VERIFY_OPTIONS["root"]["why"]
_SET: t.Final = r"([0-9]{8}T[0-9]{6}Z)?"
_STAGING: t.Final = option(
    "path",
    "Folder for copies that other accounts must read or write; it needs room for the largest"
    " database.",
    default="/var/tmp",  # noqa: S108 - every folder in it is made under a new name
)
_PROGRAM_FOLDER: t.Final = option(
    "path",
    "Folder of PostgreSQL's programs. Empty means those of the newest version that is installed.",
    default="",
)
_JOBS: t.Final = option(
    "int", "So many processes load a database at once.", default=2, minimum=1, maximum=32
)
_FREE: t.Final = option(
    "float",
    "So much of a disk must be free beyond what is needed.",
    default=5,
    minimum=0,
    maximum=90,
)

_STATE_FILE: t.Final = option(
    "path", "Where the last rehearsals are kept.", default="/var/lib/upkeep/rehearsals.json"
)

#: What both modules take.
_CATALOGUE: t.Final[Options] = {
    "system": VERIFY_OPTIONS["system"],
    "root": VERIFY_OPTIONS["root"],
    "set": option(
        "str",
        "Name of the set. Empty means the newest one that was verified.",
        default="",
        pattern=_SET,
        why="the name of a set, or nothing",
    ),
    "staging": _STAGING,
    "free_percent": _FREE,
    "artefact_seconds": option(
        "int", "Restoring one artefact ends after this time.", default=7200, minimum=1
    ),
    "requirements": requirements(),
}

_POSTGRESQL: t.Final[Options] = {
    **login_options("postgres"),
    "run_as": run_as_option("postgres"),
    "restore_as": option(
        "str",
        "Role that loads the dump, made for that time, and the account that runs C(pg_restore). It"
        " may act as the owners of tables only, since a dump can run code.",
        default=ACCOUNT,
        pattern=r"[a-z_][a-z0-9_-]*",
        why="the name of an account",
    ),
    "jobs": _JOBS,
    "program_folder": _PROGRAM_FOLDER,
}

_REDIS: t.Final[Options] = {
    **redis_login_options(),
    "account": option("str", "System account that the server's files belong to.", default="redis"),
    "unit": option(
        "str",
        "Unit that runs the server. It is stopped while its snapshot is replaced, and started.",
        default="redis-server.service",
    ),
}

#: What ``restore`` takes.
OPTIONS: t.Final[Options] = {
    **_CATALOGUE,
    "action": option(
        "str",
        "C(list) shows the sets and what they hold. C(side) restores beside what is there, and"
        " compares. C(replace) does that, and then puts it in the place of what is there.",
        choices=("list", "side", "replace"),
        default="list",
    ),
    "artefacts": option(
        "list",
        "Names of the artefacts. Empty means all that can be restored.",
        elements="str",
        default=[],
    ),
    "table": option(
        "str",
        "Restore this table alone, as C(schema.table), from the one database that is named.",
        default="",
        pattern=r"([^.]+\.[^.]+)?",
        why="schema.table",
    ),
    "paths": option(
        "list",
        "Restore these files and folders alone, from the archives that are named.",
        elements="path",
        default=[],
        pattern=_PATH,
        why=_WHOLE_PATH,
    ),
    "keep": option(
        "list",
        "Names, with C(*) and C(?), of what a restored folder takes over from the one it replaces,"
        " beside what the set left out by pattern.",
        elements="str",
        default=[],
    ),
    "units": option(
        "list",
        "Units that are stopped before anything is replaced, and started again in this order.",
        elements="str",
        default=[],
    ),
    "age_identity": option(
        "str",
        "Private key of age that opens what is encrypted in the set. It is written to no disk; keep"
        " it in a vault of the control host. Empty means that nothing encrypted is restored.",
        default="",
        secret=True,
    ),
    "allow_empty": option(
        "bool",
        "Whether a database without a single row, or without a single key, may be restored.",
        default=False,
    ),
    "postgresql": option(
        "dict", "How to reach the server of databases.", options=_POSTGRESQL, default={}
    ),
    "redis": option("dict", "How to reach the server of Redis.", options=_REDIS, default={}),
    "state_file": _STATE_FILE,
    **deadline_option(14400),
}

_QUERY: t.Final[Options] = {
    "name": option("str", "Name for people.", required=True, min_length=1),
    "artefact": option("str", "Artefact with the database. Empty means the only one.", default=""),
    "query": option("str", "A query that returns one number.", required=True, min_length=1),
    "at_least": option("float", "The number must not be below this.", default=1),
    "requirements": requirements(),
}

#: What ``restore_rehearse`` takes.
REHEARSE_OPTIONS: t.Final[Options] = {
    **_CATALOGUE,
    "rehearse": option(
        "bool",
        "Whether to rehearse when that is due; without it only what is known is reported.",
        default=True,
    ),
    "due_days": option(
        "float",
        "A rehearsal is due when the last one that passed is so old. 0 always rehearses.",
        default=6.5,
        minimum=0,
    ),
    "promised_days": option(
        "float",
        "The last rehearsal that passed may be so old; an older one is critical.",
        default=8,
        above=0,
    ),
    "recovery_seconds": option(
        "float",
        "The rehearsal may take so long, from the first byte read to the last query; longer is a"
        " warning. 0 does not judge it.",
        default=0,
        minimum=0,
    ),
    "run_as": option(
        "str",
        "System account that the rehearsal's server runs as. It must be able neither to read nor to"
        " write the live one.",
        default="upkeep_rehearsal",
        pattern=r"[a-z_][a-z0-9_-]*",
        why="the name of an account",
    ),
    "queries": option(
        "list", "What the application reads first.", elements="dict", default=[], options=_QUERY
    ),
    "left_behind": option(
        "list",
        "Names of databases that a recovery test by hand makes, which must not stay on the live"
        " server.",
        elements="str",
        default=[],
    ),
    "live": option(
        "dict",
        "How to reach the live server, to see what a test left behind.",
        options={**login_options("postgres"), "run_as": run_as_option("postgres")},
        default={},
    ),
    "state_file": _STATE_FILE,
    "jobs": _JOBS,
    "program_folder": _PROGRAM_FOLDER,
    **deadline_option(14400),
}
