# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``cpu``: the share of processor time that was used since the look before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from .. import counters as since
from .. import machine
from ..check import LIMITS, Check, Deadline, Kind, ProbeError, always, remember

STAT = Path("/proc/stat")


def parse(text: str) -> dict[str, int]:
    """Return busy and all clock ticks of /proc/stat; raises ValueError.

    Waiting for a disk is not being busy.
    """
    for line in text.splitlines():
        name, *fields = line.split()[:9]
        if name == "cpu" and len(fields) == 8:  # user nice system idle iowait irq softirq steal
            ticks = [int(field) for field in fields]
            return {"busy": sum(ticks) - ticks[3] - ticks[4], "all": sum(ticks)}

    raise ValueError("no line of all processors")


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the used share in percent."""
    try:
        counters = parse(STAT.read_text(encoding="ascii"))
    except ValueError as error:
        raise ProbeError("unknown", f"{STAT} cannot be understood: {error}") from error

    passed, memory = since.compare(check, counters)
    yield remember(memory)
    if passed is None or not passed.counts["all"]:
        yield check.finding("info", since.too_early("the use of the processors"))
        return

    used = round(100 * passed.counts["busy"] / passed.counts["all"], 1)
    message = (
        f"{used:g} % of the processors' time was used in the last {passed.seconds / 60:.0f} minutes"
    )
    if machine.is_shared():
        yield check.finding(
            "info", f"{message}, by all containers of this machine", observed=used, unit="%"
        )
        return

    yield check.measured(used, check.options, message, "see which processes used it", unit="%")


KIND = Kind(options=LIMITS, probe=probe, remembers=always)
