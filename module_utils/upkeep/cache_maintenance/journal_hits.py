# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often a file cache could answer, from what the application wrote to the journal."""

from __future__ import annotations

import re
import subprocess
import time
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ..base import isolated
from ..base.isolated import IsolatedError

#: Lines are read up to so many, and of each so many characters.
MOST_LINES: t.Final = 2_000_000
LONGEST: t.Final = 4096


class HitCount(t.NamedTuple):
    """Lookups and how many of them the cache could answer."""

    hits: int
    lookups: int


def read(options: Mapping[str, t.Any], seconds: float) -> HitCount:
    """Return the hits of the days that the options name; raises IsolatedError."""
    values, problem = isolated.run(lambda: _read(options), seconds, limits=isolated.PARSING)
    if problem or not values:
        raise IsolatedError(problem or "the journal could not be read")

    return HitCount(*values[0])


def count(lines: Iterable[str], pattern: str) -> HitCount:
    """Return the hits and lookups of all lines that fit the pattern."""
    search = re.compile(pattern).search
    hits = lookups = 0
    for found in filter(None, (search(line[:LONGEST]) for line in lines)):
        if found["hits"].isdecimal() and found["lookups"].isdecimal():
            hits += int(found["hits"])
            lookups += int(found["lookups"])

    return HitCount(hits, lookups)


def _read(options: Mapping[str, t.Any]) -> Iterator[HitCount]:
    since = int(time.time() - options["days"] * 86400)
    argv = [
        "journalctl", "--quiet", "--no-pager", "--output=cat", f"--since=@{since}",
        f"--lines={MOST_LINES}", f"--unit={options['unit']}",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(  # noqa: S603 - an argv list of the profile, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise IsolatedError(f"journalctl cannot be run: {error.strerror}") from error

    with process:
        yield count(t.cast("t.TextIO", process.stdout), options["pattern"])

    if process.returncode:
        raise IsolatedError(f"journalctl ended with {process.returncode}")
