# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What making and verifying backup sets takes: the one place of names, types and limits."""

from __future__ import annotations

import typing as t

from ..acceptance import DEFAULT_MARK
from ..base.bounded import deadline_option
from ..base.login import login_options, run_as_option
from ..base.options import Options, option, requirements
from ..base.reader import ROLE
from ..base.redis_client import redis_login_options

_PATH: t.Final = r"(/[^-/\x00-\x1f\x7f][^/\x00-\x1f\x7f]*)+"
_WHOLE_PATH: t.Final = "an absolute path whose parts do not begin with '-'"
_SET: t.Final = r"[0-9]{8}T[0-9]{6}Z"
#: Why a set is made.
REASONS: t.Final = ("schedule", "change", "demand")

_POSTGRESQL: t.Final[Options] = {
    "database": option("str", "Name of the database.", required=True, min_length=1),
    **login_options(ROLE),
    "run_as": run_as_option(ROLE),
    "globals": option(
        "bool",
        "Keep roles and tablespaces as well, without passwords of roles.",
        default=True,
    ),
    "uncounted": option(
        "list",
        "Tables, as C(schema.table), too large for their rows to be counted in every set.",
        elements="str",
        default=[],
    ),
    "hashed": option(
        "list",
        "Tables, as C(schema.table), of which a hash over all rows is kept, so that a restore finds"
        " a value that changed where the number of rows did not. Every row of them is read.",
        elements="str",
        default=[],
    ),
    "program_folder": option(
        "path",
        "Folder of C(pg_dump) and C(pg_restore). Empty means those of the newest version that"
        " is installed.",
        default="",
    ),
}

_SQLITE: t.Final[Options] = {
    "path": option(
        "path", "The file. It is never created.", required=True, pattern=_PATH, why=_WHOLE_PATH
    ),
}

_REDIS: t.Final[Options] = {
    **redis_login_options(),
    "account": option("str", "System account that the server's files belong to.", default="redis"),
}

_FILES: t.Final[Options] = {
    "paths": option(
        "list",
        "Files and folders. Links in them are kept as links; a path itself must not be one.",
        elements="path",
        required=True,
        min_items=1,
        pattern=_PATH,
        why=_WHOLE_PATH,
    ),
    "exclude": option(
        "list",
        "Names, with C(*) and C(?), that are left out wherever they stand, such as C(.git).",
        elements="str",
        default=[],
    ),
    "least_files": option(
        "int",
        "An archive with fewer files than this is a failure.",
        default=1,
        minimum=0,
    ),
}

_COMMAND: t.Final[Options] = {
    "argv": option(
        "list",
        "Program and arguments; what it writes to its standard output is kept. No shell.",
        elements="str",
        required=True,
        min_items=1,
    ),
    "run_as": option("str", "System account that runs the program.", required=True),
    "least_bytes": option("int", "Output that is shorter is a failure.", default=1, minimum=0),
}

_JOURNAL: t.Final[Options] = {
    "units": option(
        "list",
        "Units, with C(*) and C(?), whose entries are kept.",
        elements="str",
        required=True,
        min_items=1,
        pattern=r"[^-].*",
        why="the name of a unit",
    ),
    "days": option("int", "How far back.", default=30, minimum=1),
}

_ARTEFACT: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the artefact, and of its folder in a set.",
        required=True,
        pattern="[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
        why="since it becomes the name of a folder",
    ),
    "component": option("str", "The artefact lies only on hosts that carry this component."),
    "reasons": option(
        "list",
        "It belongs only to sets that are made for these reasons, see O(reason).",
        elements="str",
        choices=REASONS,
        default=list(REASONS),
        min_items=1,
    ),
    "encrypt": option(
        "bool",
        "Encrypt it to O(recipient), since it holds secrets. It is made and read back in memory,"
        " so it must be small. For C(files), C(command) and C(journal).",
        default=False,
    ),
    "max_seconds": option(
        "int", "Making it, or verifying it, ends after this time.", default=3600, minimum=1
    ),
    "postgresql": option(
        "dict",
        "A database: C(pg_dump), and the rows of its tables counted in the same snapshot.",
        options=_POSTGRESQL,
    ),
    "sqlite": option(
        "dict", "A SQLite file, copied while it is in use, and checked.", options=_SQLITE
    ),
    "redis": option(
        "dict",
        "A Redis server on this host: a snapshot by C(BGSAVE), awaited and checked.",
        options=_REDIS,
    ),
    "files": option("dict", "Files and folders, as one archive.", options=_FILES),
    "command": option("dict", "What a program writes.", options=_COMMAND),
    "journal": option("dict", "Entries of the journal, in its export format.", options=_JOURNAL),
    "requirements": requirements(),
}

_RETENTION: t.Final[Options] = {
    "last": option(
        "int",
        "So many of the newest verified sets are never deleted.",
        default=3,
        minimum=1,
        why="or a failure could leave nothing",
    ),
    "days": option("int", "Keep every set that is at most so many days old.", default=7, minimum=0),
    "weekly": option(
        "int", "Of so many weeks with a verified set, keep the newest.", default=0, minimum=0
    ),
    "monthly": option(
        "int", "Of so many months with a verified set, keep the newest.", default=0, minimum=0
    ),
    "requirements": requirements(),
}

#: What both modules take.
_CATALOGUE: t.Final[Options] = {
    "system": option(
        "str", "Name of the system.", required=True, pattern="[a-z][a-z0-9_]*", why="a name"
    ),
    "root": option(
        "path",
        "Folder of the system's sets. It is root's alone (0700).",
        required=True,
        pattern=_PATH,
        why=_WHOLE_PATH,
    ),
    "promised_hours": option(
        "float",
        "The newest verified set may be so old; an older one is critical.",
        default=26,
        above=0,
    ),
    "requirements": requirements(),
}

#: What ``backup`` takes.
OPTIONS: t.Final[Options] = {
    **_CATALOGUE,
    "artefacts": option(
        "list",
        "What a set holds. Each entry has one of the keys C(postgresql), C(sqlite), C(redis),"
        " C(files), C(command) and C(journal).",
        elements="dict",
        required=True,
        min_items=1,
        options=_ARTEFACT,
    ),
    "reason": option(
        "str",
        "Why a set is made. C(schedule) makes one only when the newest verified set is older than"
        " O(due_hours); C(change), before a change, and C(demand) always make one.",
        choices=REASONS,
        default="schedule",
    ),
    "state": option(
        "str",
        "C(present) makes a set when one is due. C(observed) only reports what is due."
        " C(progress) only says how far a run is that makes a set now.",
        choices=("present", "observed", "progress"),
        default="present",
    ),
    "set": option(
        "str",
        "Make a set of this name, due or not: a set that spans several hosts has one name on all"
        " of them. Empty lets the host decide.",
        default="",
        pattern=rf"({_SET})?",
        why="the name of a set",
    ),
    "require_acceptance": option(
        "bool",
        "Make nothing on a host that nobody has accepted yet, see C(playbooks/onboard_hosts.yml).",
        default=False,
    ),
    "accepted_file": option(
        "path",
        "File by which a person accepted the host, as M(preflight) writes it.",
        default=DEFAULT_MARK,
    ),
    "due_hours": option(
        "float",
        "A set is due when the newest verified one is at least so old.",
        default=20,
        above=0,
    ),
    "recipient": option(
        "str",
        "Public key of age for artefacts with O(artefacts[].encrypt). Its private key belongs on"
        " no host. Without it such artefacts are left out, which is a warning.",
        default="",
    ),
    "hold": option(
        "str",
        "Why the set that is made must never be deleted, until it is released. Empty for others.",
        default="",
    ),
    "mount": option(
        "path",
        "A folder at or above O(root) that must be a mount point; without it nothing is"
        " written. Empty asks for none.",
        default="",
    ),
    "free_percent": option(
        "float",
        "So much of the disk must be free beyond the size of the last set.",
        default=10,
        minimum=0,
        maximum=90,
    ),
    "shrunk_percent": option(
        "float",
        "An artefact that is so much smaller than in the last set is a warning.",
        default=50,
        above=0,
        maximum=100,
    ),
    "staging": option(
        "path",
        "Folder for copies that another account must write or read; it needs room for the"
        " largest SQLite file.",
        default="/var/tmp",  # noqa: S108 - every folder in it is made under a new name
    ),
    "retention": option(
        "dict", "Which sets are kept. None are deleted without it.", options=_RETENTION
    ),
    **deadline_option(14400),
}

#: What ``backup_verify`` takes.
VERIFY_OPTIONS: t.Final[Options] = {
    **_CATALOGUE,
    "staging": OPTIONS["staging"],
    "reread_days": option(
        "float",
        "A file that was read to its end within this time is not read again.",
        default=30,
        minimum=0,
    ),
    "release": option(
        "list",
        "Names of held sets that may be deleted again.",
        elements="str",
        default=[],
        pattern=_SET,
        why="the name of a set",
    ),
    "legacy": option(
        "list",
        "Copies that earlier recipes left, as absolute paths with wildcards. They are listed, and"
        " the newest of each is read; none is counted or deleted.",
        elements="str",
        default=[],
        pattern=r"/[^\x00-\x1f\x7f]+",
        why="an absolute path, with the wildcards * ? [ ]",
    ),
    "artefact_seconds": option(
        "int", "Reading one artefact ends after this time.", default=3600, minimum=1
    ),
    **deadline_option(14400),
}
