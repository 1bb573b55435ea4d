# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``top``: which processes use most of the processor and of the memory.

Tells, never judges.
"""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ...findings import Finding
from ..check import Check, CheckError, Deadline, Kind
from ..clients import procfs as processes
from ..clients.procfs import Process

_TICKS: t.Final = os.sysconf("SC_CLK_TCK")


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the biggest users of the processor over some seconds, and of memory.

    Those of this run do not count.
    """
    own = os.getsid(0)
    before = {one.pid: one.ticks for one in processes.processes()}
    started = time.monotonic()
    time.sleep(min(check.options["seconds"], deadline.remaining()))
    passed = time.monotonic() - started
    seen = [one for one in processes.processes() if one.session != own]
    yield _told(check, "cpu", cpu_shares(seen, before, passed), "%")
    yield _told(check, "memory", {one: round(one.rss / 1e6, 1) for one in seen if one.rss}, "MB")


def cpu_shares(
    seen: Iterable[Process], before: Mapping[int, int], seconds: float
) -> dict[Process, float]:
    """Return the percent of one processor that each process used.

    One that is new used all its time since.
    """
    return {
        one: round(100 * max(0, one.ticks - before.get(one.pid, 0)) / _TICKS / seconds, 1)
        for one in seen
        if one.ticks > before.get(one.pid, 0)
    }


def _told(check: Check, aspect: str, figures: Mapping[Process, float], unit: str) -> Finding:
    biggest = sorted(figures.items(), key=lambda item: (-item[1], item[0].pid))[
        : check.options["count"]
    ]
    lines = [f"{one.name} (pid {one.pid}{_unit(one)}) {figure:g} {unit}" for one, figure in biggest]
    observed = biggest[0][1] if biggest else 0

    return check.finding(
        "ok", "; ".join(lines) or "no process used any", aspect=aspect, observed=observed, unit=unit
    )


def _unit(one: Process) -> str:
    unit = processes.unit_of(one.pid)
    return f", {unit}" if unit else ""


def _validate(check: Check) -> None:
    if not 0 < check.options["seconds"] < check.timeout:
        raise CheckError("seconds must be above 0 and below the timeout of the check")
    if check.options["count"] < 1:
        raise CheckError("count must be at least 1")


KIND = Kind(
    options={"count": {"type": "int", "default": 10}, "seconds": {"type": "float", "default": 1.0}},
    probe=probe,
    names=lambda check: (f"{check.id}.cpu", f"{check.id}.memory"),
    validate=_validate,
)
