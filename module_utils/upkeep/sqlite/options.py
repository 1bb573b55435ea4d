# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What SQLite maintenance takes: the one place of names, types, defaults and limits."""

from __future__ import annotations

import typing as t

from ..base.options import Option, Options, option, requirements


def _aspect(description: str, **options: Option) -> Option:
    """Declare an aspect of a file, which is looked after when it is given."""
    own = requirements()
    own["description"] += " Those of the file when none are given."

    return option("dict", description, options={**options, "requirements": own})


_DATABASE: t.Final[Options] = {
    "name": option(
        "str",
        "Name for people; the findings are called C(sqlite:name).",
        required=True,
        pattern="[A-Za-z0-9][A-Za-z0-9_.-]*",
        why="since it becomes the name of a check",
    ),
    "path": option(
        "path",
        "The file. It is never created.",
        required=True,
        pattern=r"/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f]",
        why="the absolute path of a file",
    ),
    "analyze": _aspect(
        "Refresh the planner's statistics of tables whose number of rows has changed.",
        changed_percent=option(
            "float",
            "Due when the rows differ by more than this from those of the last time.",
            default=20,
            minimum=1,
        ),
    ),
    "vacuum": _aspect(
        "Give back free pages; in steps where the file allows it (C(auto_vacuum=incremental)).",
        free_percent=option(
            "float",
            "Due when more of the file's pages than this are free.",
            default=20,
            minimum=1,
            maximum=100,
        ),
        min_free_mb=option(
            "float",
            "Leave the file alone while less than this could be won, in MiB.",
            default=1,
            minimum=0,
        ),
    ),
    "wal": _aspect(
        "Write a write-ahead log that has grown back into the file and empty it.",
        max_mb=option("float", "Due when the log is larger, in MiB.", default=64, minimum=0),
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "databases": option(
        "list",
        "The SQLite files of this host. An aspect that is left out is not looked after.",
        elements="dict",
        required=True,
        options=_DATABASE,
    ),
    "busy_timeout": option(
        "int",
        "How long a statement waits for another process that uses the file, in milliseconds.",
        default=5000,
        above=0,
    ),
    "max_seconds": option(
        "int",
        "The whole run ends after this time; a statement that is under way is undone.",
        default=3600,
        above=0,
    ),
}
