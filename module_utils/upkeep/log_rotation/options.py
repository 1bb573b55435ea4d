# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What log_rotation takes. Names go into logrotate's configuration: only harmless ones pass."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements

STATE: t.Final = "/var/lib/logrotate/status"
SIGNALS: t.Final = ("HUP", "USR1", "USR2", "WINCH")

_ACCOUNT: t.Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_NAME_OF_ACCOUNT: t.Final = "the name of an account"

LOG: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the log in findings.",
        required=True,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    ),
    "paths": option(
        "list",
        "Absolute paths; wildcards are allowed unless they would match rotated files too.",
        required=True,
        elements="str",
        min_items=1,
        pattern=r"/[A-Za-z0-9._@%+=:,/*?\[\]-]+",
        why="absolute, with the wildcards * ? [ ], without blanks, quotes and braces",
    ),
    "cadence": option(
        "str", "How often to rotate.", required=True, choices=["daily", "weekly", "monthly"]
    ),
    "keep_days": option(
        "int",
        "Days that a rotated file is kept, counted from the time in its name.",
        required=True,
        minimum=1,
    ),
    "max_size": option(
        "str",
        "Rotate earlier above this size: a number with C(k), C(M) or C(G), such as C(100M).",
        pattern=r"[1-9][0-9]*[kMG]?",
        why="a number with k, M or G, such as 100M",
    ),
    "compress_after_days": option(
        "int",
        "C(0) compresses at rotation; anything else at the rotation after it, which is safe for"
        " every writer.",
        default=1,
        minimum=0,
    ),
    "compression": option(
        "str",
        "C(zstd) is several times faster than C(gzip) at the same size. Where it is not installed,"
        " C(gzip) is used and a finding says so.",
        choices=["zstd", "gzip"],
        default="zstd",
    ),
    "max_total": option(
        "str",
        "The most that the rotated files of each log may take, such as C(2G). Beyond it the oldest"
        " go before their time, which a finding reports; the newest one stays.",
        pattern=r"[1-9][0-9]*[kMG]?",
        why="a number with k, M or G, such as 2G",
    ),
    "owner": option(
        "str", "Owner of the new log file.", default="root", pattern=_ACCOUNT, why=_NAME_OF_ACCOUNT
    ),
    "group": option(
        "str", "Group of the new log file.", default="root", pattern=_ACCOUNT, why=_NAME_OF_ACCOUNT
    ),
    "mode": option(
        "str",
        "Mode of the new log file, four octal digits in quotes.",
        default="0640",
        pattern=r"0[0-7]{3}",
        why="four octal digits in quotes",
    ),
    "su_user": option(
        "str",
        "User to rotate and to remove as: who may write in the log's folder. By default the owner.",
        pattern=_ACCOUNT,
        why=_NAME_OF_ACCOUNT,
    ),
    "su_group": option(
        "str",
        "Group to rotate as. By default the group.",
        pattern=_ACCOUNT,
        why=_NAME_OF_ACCOUNT,
    ),
    "reopen": option(
        "raw",
        [
            "How the writer comes to the new file. C(none) when it watches its file itself.",
            "C(copytruncate) when it cannot be signalled; lines written during the copy may be"
            " lost.",
            "Or a mapping of C(unit) and C(signal) (C(HUP), C(USR1), C(USR2), C(WINCH)).",
        ],
        default="none",
    ),
    "archive": option(
        "str",
        "Folder of root to which a compressed copy of each file is written before it is rotated,"
        " whoever rotates it. Without a copy it is not rotated. Copies go after C(keep_days).",
        pattern=r"(/[A-Za-z0-9_.@%+=:-]+){2,}",
        why="absolute, at least two folders deep, without blanks and wildcards",
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "logs": option(
        "list",
        "What to rotate. Two entries must not match the same file.",
        required=True,
        elements="dict",
        options=LOG,
    ),
    "config_path": option("path", "The configuration file to manage.", required=True),
    "state_path": option("path", "The state file of logrotate.", default=STATE),
    **deadline_option(3600),
}
