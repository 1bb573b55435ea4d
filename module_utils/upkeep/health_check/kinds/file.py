# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``file``: is a file there, large enough and young enough? Of several, the newest counts."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from ..check import LIMITS, Check, CheckError, Deadline, Kind, ProbeError


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the file's size, and its age where limits are given."""
    options = check.options
    path, facts = newest(Path(options["path"]))
    size, least, most = facts.st_size, options["min_bytes"], options["max_bytes"]
    fits = size >= least and (most is None or size <= most)
    message = f"{path} has {size} bytes"
    yield check.finding(
        "ok" if fits else "critical",
        message if fits else f"{message}: see who writes it",
        observed=size,
        expected=f"at least {least}" if most is None else f"{least} to {most}",
        unit="bytes",
    )
    if options["age_hours"]:
        hours = round((time.time() - facts.st_mtime) / 3600, 2)
        message = f"{path} was last written {hours:g} hours ago"
        yield check.measured(
            hours,
            options["age_hours"],
            message,
            "see why it is not written any more",
            aspect="age",
            unit="h",
        )


def newest(pattern: Path) -> tuple[Path, os.stat_result]:
    """Return the file, or the newest whose name fits the pattern.

    Raises ProbeError when there is none.
    """
    folder = pattern.parent
    names = [pattern] if not is_pattern(pattern.name) else list(folder.glob(pattern.name))
    found = [
        (path, facts) for path in names if (facts := _facts(path)) and stat.S_ISREG(facts.st_mode)
    ]
    if not found:
        if not folder.exists():
            raise ProbeError("critical", f"the folder {folder} does not exist")
        raise ProbeError("critical", f"there is no file {pattern}", observed="missing")

    return max(found, key=lambda item: item[1].st_mtime)


def is_pattern(name: str) -> bool:
    """Return whether a name stands for several files."""
    return any(sign in name for sign in "*?[")


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _validate(check: Check) -> None:
    options = check.options
    path = Path(options["path"])
    if not path.is_absolute() or is_pattern(str(path.parent)):
        raise CheckError("path must start with '/', and only its last part may be a pattern")
    if options["min_bytes"] < 0 or (
        options["max_bytes"] is not None and options["max_bytes"] < options["min_bytes"]
    ):
        raise CheckError("min_bytes must not be negative, and max_bytes not below it")


KIND = Kind(
    options={
        "path": {"type": "path", "required": True},
        "min_bytes": {"type": "int", "default": 1},
        "max_bytes": {"type": "int"},
        "age_hours": {"type": "dict", "options": LIMITS},
    },
    probe=probe,
    names=lambda check: (f"{check.id}.age",) if check.options["age_hours"] else (),
    validate=_validate,
)
