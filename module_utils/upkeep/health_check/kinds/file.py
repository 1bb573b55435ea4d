# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``file``: is a file there, large enough and young enough? Of several, the newest counts."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding, Limits
from ..check import Check, CheckError, ProbeError
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_options, limit_words

#: Clocks of two hosts may differ by this, s; a file further ahead has no age.
AHEAD: t.Final = 300.0


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the file's size, and its age where limits are given."""
    path, facts = newest(Path(check.options["path"]))
    yield _size(check, path, facts.st_size)

    if check.options["age_hours"]:
        yield _age(check, path, facts.st_mtime)


def newest(pattern: Path) -> tuple[Path, os.stat_result]:
    """Return the file, or the newest whose name fits the pattern.

    A file from the future is the newest only where all are. Raises ProbeError when there is none.
    """
    folder = pattern.parent
    # A name may hold the signs of a pattern itself: report[1].csv.
    paths = {pattern, *_matching(pattern)} if is_pattern(pattern.name) else {pattern}
    found = [
        (path, facts) for path in paths if (facts := _facts(path)) and stat.S_ISREG(facts.st_mode)
    ]
    if not found:
        if not folder.exists():
            raise ProbeError("critical", f"the folder {folder} does not exist")

        raise ProbeError("critical", f"{pattern} does not exist", observed="missing")

    latest = time.time() + AHEAD
    past = [item for item in found if item[1].st_mtime <= latest]

    return max(past or found, key=lambda item: item[1].st_mtime)


def _matching(pattern: Path) -> list[Path]:
    """Return the paths that fit; raises PermissionError for a folder that may not be listed."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.scandir(pattern.parent).close()  # glob() takes a closed folder for an empty one

    return list(pattern.parent.glob(pattern.name))


def is_pattern(name: str) -> bool:
    """Return whether a name stands for several files."""
    return any(sign in name for sign in "*?[")


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    options = check.options
    most = "" if options["max_bytes"] is None else f", at most {options['max_bytes']}"
    asks = f"`{options['path']}` has at least {options['min_bytes']} bytes{most}"
    yield Row(check.id, asks, NEVER, OTHERWISE)

    if options["age_hours"]:
        words = limit_words(Limits.of(options["age_hours"]), " h")
        yield Row(f"{check.id}.age", f"hours since `{options['path']}` was written", *words)


def _age(check: Check, path: Path, written: float) -> Finding:
    hours = round((time.time() - written) / 3600, 2)
    if written > time.time() + AHEAD:
        message = f"{path} was written {-hours:g} hours in the future: see the clock of its writer"
        return check.finding("unknown", message, aspect="age", observed=hours, unit="h")

    return check.measured(
        hours,
        Limits.of(check.options["age_hours"]),
        f"{path} was last written {hours:g} hours ago",
        "see why it is no longer written",
        aspect="age",
        unit="h",
    )


def _size(check: Check, path: Path, size: int) -> Finding:
    least, most = check.options["min_bytes"], check.options["max_bytes"]
    fits = size >= least and (most is None or size <= most)

    return check.finding(
        "ok" if fits else "critical",
        f"{path} has {size} bytes{'' if fits else ': see what writes it'}",
        observed=size,
        expected=f"at least {least}" if most is None else f"{least} to {most}",
        unit="bytes",
    )


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _names(check: Check) -> tuple[str, ...]:
    return (f"{check.id}.age",) if check.options["age_hours"] else ()


def _validate(check: Check) -> None:
    path = Path(check.options["path"])
    least, most = check.options["min_bytes"], check.options["max_bytes"]
    if not path.is_absolute() or is_pattern(str(path.parent)):
        raise CheckError("path must start with '/', and only its last part may be a pattern")
    if most is not None and most < least:
        raise CheckError("max_bytes must not be below min_bytes")


KIND = Kind(
    description="is a file there, large and young enough; of several the newest counts",
    gives="`file:NAME`, `.age`",
    options={
        "path": option(
            "path",
            "The file; the newest one when its last part is a pattern, as in"
            " C(/backups/shop_*.gz).",
            required=True,
        ),
        "min_bytes": option("int", "A smaller file is C(critical).", default=1, minimum=0),
        "max_bytes": option("int", "A larger file is C(critical).", minimum=0),
        "age_hours": option(
            "dict",
            "Adds the finding C(file:name.age) with the hours since it was last written.",
            options=limit_options("hours old"),
        ),
    },
    probe=probe,
    describe=describe,
    names=_names,
    validate=_validate,
)
