# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``filesystem``: space and inodes, one finding for each path."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...findings import Finding, judge
from ..check import Check, CheckError, Deadline, Kind, ProbeError, limits_text
from ..clients import mounts

MOUNTINFO = Path("/proc/self/mountinfo")
ALL = ["all"]


def space_percent(counts: os.statvfs_result) -> float:
    """Return the used share as df shows it to everyone but root: blocks kept for root count as used up."""
    used = counts.f_blocks - counts.f_bfree
    return _percent(used, used + counts.f_bavail)


def inodes_percent(counts: os.statvfs_result) -> float | None:
    """Return the used share of inodes; None where the file system makes them as it goes."""
    return _percent(counts.f_files - counts.f_ffree, counts.f_files) if counts.f_files else None


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield space and inodes of each path as soon as they are known: one dead mount must not hide the others."""
    paths = check.options["paths"]
    if paths == ALL:
        paths = _all_mounts(check.options["exclude"])

    if not paths:
        raise ProbeError(
            "unknown", "this host shows no local file system; name the paths instead of 'all'"
        )

    for path in paths:
        deadline.remaining()
        yield from _judge_path(check, path)


def _judge_path(check: Check, path: str) -> Iterator[Finding]:
    try:
        counts = os.statvfs(path)
    except OSError as error:
        yield check.named(
            f"filesystem:{path}", "unknown", f"{path} cannot be looked at: {error.strerror}"
        )
        return

    free = f"{counts.f_bavail * counts.f_frsize / 2**30:.1f} GiB free"
    what = f"of the space of {path} is used, {free}"
    yield _share(check, f"filesystem:{path}", space_percent(counts), what, check.options)
    inodes = inodes_percent(counts)
    if inodes is not None:
        what = f"of the inodes of {path} are used"
        yield _share(
            check,
            f"filesystem:{path}.inodes",
            inodes,
            what,
            check.options["inodes"] or check.options,
        )


def _share(
    check: Check, name: str, percent: float, what: str, limits: Mapping[str, t.Any]
) -> Finding:
    status = judge(percent, limits["warning"], limits["critical"])
    return check.named(
        name,
        status,
        f"{percent:g} % {what}" + ("" if status == "ok" else ": clean up or make it larger"),
        observed=percent,
        expected=limits_text(limits["warning"], limits["critical"]),
        unit="%",
    )


def _all_mounts(exclude: list[str]) -> list[str]:
    found = mounts.local(mounts.parse(MOUNTINFO.read_text(encoding="utf-8", errors="replace")))
    # Containers mount single files of their host; those are not this host's file systems.
    return [
        mount.point
        for mount in found
        if mount.point not in exclude and not Path(mount.point).is_file()
    ]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _names(check: Check) -> tuple[str, ...]:
    paths = check.options["paths"]
    return () if paths == ALL else tuple(f"filesystem:{path}" for path in paths)


def _validate(check: Check) -> None:
    paths, exclude = check.options["paths"], check.options["exclude"]
    if not paths:
        raise CheckError("paths must be a list of paths, or 'all'")
    if exclude and paths != ALL:
        raise CheckError("exclude makes sense only with paths: all")
    if any(not path.startswith("/") for path in (*exclude, *([] if paths == ALL else paths))):
        raise CheckError("paths start with '/'")


KIND = Kind(
    options={
        "paths": {"type": "list", "elements": "str", "required": True},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "warning": {"type": "float", "default": 80.0},
        "critical": {"type": "float", "default": 90.0},
        "inodes": {
            "type": "dict",
            "options": {"warning": {"type": "float"}, "critical": {"type": "float"}},
        },
    },
    probe=probe,
    names=_names,
    validate=_validate,
)
