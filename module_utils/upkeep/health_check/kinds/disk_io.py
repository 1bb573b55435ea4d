# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``disk_io``: how busy the disks were since the previous run."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...findings import Finding, Limits
from .. import counters
from ..check import Check, remember
from ..kind import Kind, Row, always, limit_options, limit_words

DISKSTATS = Path("/proc/diskstats")
BLOCK = Path("/sys/block")
_SECTOR: t.Final = 512  # the kernel's unit, whatever the disk's is
_NO_DISKS: t.Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")


def parse(text: str, disks: set[str]) -> dict[str, int]:
    """Return three counters for each of the disks: bytes read, bytes written, busy milliseconds."""
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 14 or fields[2] not in disks:
            continue
        if not all(field.isdecimal() for field in fields[3:14]):
            continue

        disk = fields[2]
        found[f"{disk} read"] = int(fields[5]) * _SECTOR
        found[f"{disk} written"] = int(fields[9]) * _SECTOR
        found[f"{disk} busy"] = int(fields[12])

    return found


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the busy share of the busiest disk, with what all of them read and wrote."""
    current = parse(read_kernel(DISKSTATS), _disks())
    if not current:
        yield check.finding("info", "this host shows no disk of its own")
        return

    passed, memory = counters.compare(check, current)
    yield remember(memory)

    if passed is None:
        yield check.finding("info", counters.no_baseline("disk usage"))
        return

    busy, disk = max(
        (count, name.removesuffix(" busy"))
        for name, count in passed.counts.items()
        if name.endswith(" busy")
    )
    share = min(100.0, round(busy / passed.seconds / 10, 1))
    message = f"{disk} was busy for {share:g} % of the time, {_rates(passed)} over all disks"
    limits = Limits.of(check.options)
    yield check.measured(share, limits, message, "see which processes read and write", unit="%")


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    words = limit_words(Limits.of(check.options), " %")
    yield Row(check.id, "time in which the busiest disk worked since the previous run", *words)


def _disks() -> set[str]:
    if not BLOCK.is_dir():
        return set()

    return {path.name for path in BLOCK.iterdir() if not path.name.startswith(_NO_DISKS)}


def _rates(passed: counters.Delta) -> str:
    sums = {
        word: sum(count for name, count in passed.counts.items() if name.endswith(f" {word}"))
        for word in ("read", "written")
    }

    return ", ".join(
        f"{total / passed.seconds / 1e6:.2f} MB/s {word}" for word, total in sums.items()
    )


KIND = Kind(
    description="how busy the disks were since the previous run",
    gives="`disk_io:NAME`",
    options=limit_options("percent of the time since the previous run, by the busiest disk,"),
    probe=probe,
    describe=describe,
    remembers=always,
)
