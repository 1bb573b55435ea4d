# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``disk_io``: how busy the disks were since the look before."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from .. import counters as since
from ..check import LIMITS, Check, Deadline, Kind, always, remember

DISKSTATS = Path("/proc/diskstats")
BLOCK = Path("/sys/block")
_SECTOR: t.Final = 512  # the kernel's unit, whatever the disk's is
_NO_DISKS: t.Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")


def parse(text: str, disks: set[str]) -> dict[str, int]:
    """Return three counters for each of the disks: bytes read, bytes written, milliseconds in which it worked."""
    counters = {}
    for line in text.splitlines():
        fields = line.split()
        if (
            len(fields) < 14
            or fields[2] not in disks
            or not all(field.isdecimal() for field in fields[3:14])
        ):
            continue

        disk = fields[2]
        counters[f"{disk} read"] = int(fields[5]) * _SECTOR
        counters[f"{disk} written"] = int(fields[9]) * _SECTOR
        counters[f"{disk} busy"] = int(fields[12])

    return counters


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the busy share of the busiest disk, with what all of them read and wrote."""
    disks = (
        {path.name for path in BLOCK.iterdir() if not path.name.startswith(_NO_DISKS)}
        if BLOCK.is_dir()
        else set()
    )
    counters = parse(DISKSTATS.read_text(encoding="ascii", errors="replace"), disks)
    if not counters:
        yield check.finding("info", "this host shows no disk of its own")
        return

    passed, memory = since.compare(check, counters)
    yield remember(memory)
    if passed is None:
        yield check.finding("info", since.too_early("the work of the disks"))
        return

    busy, disk = max(
        (count, name.removesuffix(" busy"))
        for name, count in passed.counts.items()
        if name.endswith(" busy")
    )
    share = min(100.0, round(busy / passed.seconds / 10, 1))
    message = f"{disk} was busy for {share:g} % of the time, {_rates(passed)} over all disks"
    yield check.measured(
        share, check.options, message, "see which processes read and write", unit="%"
    )


def _rates(passed: since.Span) -> str:
    sums = {
        word: sum(count for name, count in passed.counts.items() if name.endswith(f" {word}"))
        for word in ("read", "written")
    }
    return ", ".join(
        f"{total / passed.seconds / 1e6:.2f} MB/s {word}" for word, total in sums.items()
    )


KIND = Kind(options=LIMITS, probe=probe, remembers=always)
