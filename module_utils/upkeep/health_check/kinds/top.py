# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``top``: which processes use most CPU time and memory; it lists them and judges nothing."""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding
from ..check import Check, CheckError
from ..clients import procfs
from ..clients.procfs import Process
from ..kind import NEVER, Kind, Row

_TICKS: t.Final = os.sysconf("SC_CLK_TCK")


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the processes that used most CPU time over some seconds, and most memory.

    Those of this run do not count.
    """
    own = os.getsid(0)
    earlier = {one.pid: one.ticks for one in procfs.processes()}
    started = time.monotonic()
    time.sleep(min(check.options["seconds"], deadline.remaining()))
    passed = time.monotonic() - started
    seen = [one for one in procfs.processes() if one.session != own]

    yield _listed(check, "cpu", cpu_shares(seen, earlier, passed), "%")
    yield _listed(check, "memory", {one: round(one.rss / 1e6, 1) for one in seen if one.rss}, "MB")


def cpu_shares(
    seen: Iterable[Process], earlier: Mapping[int, int], seconds: float
) -> dict[Process, float]:
    """Return the percent of one processor that each process used.

    ``earlier`` are the ticks of each pid ``seconds`` ago; a new process has used all of its own.
    """
    return {
        one: round(100 * max(0, one.ticks - earlier.get(one.pid, 0)) / _TICKS / seconds, 1)
        for one in seen
        if one.ticks > earlier.get(one.pid, 0)
    }


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    for aspect, what in (("cpu", "CPU time"), ("memory", "memory")):
        asks = f"the {check.options['count']} processes that use most {what}"
        yield Row(f"{check.id}.{aspect}", asks, NEVER, NEVER)


def _listed(check: Check, aspect: str, figures: Mapping[Process, float], unit: str) -> Finding:
    ranked = sorted(figures.items(), key=lambda item: (-item[1], item[0].pid))
    first = ranked[: check.options["count"]]
    lines = [f"{one.name} (pid {one.pid}{_unit(one)}) {figure:g} {unit}" for one, figure in first]
    observed = first[0][1] if first else 0

    return check.finding(
        "ok", "; ".join(lines) or "no process used any", aspect=aspect, observed=observed, unit=unit
    )


def _unit(one: Process) -> str:
    unit = procfs.unit_of(one.pid)

    return f", {unit}" if unit else ""


def _names(check: Check) -> tuple[str, ...]:
    return f"{check.id}.cpu", f"{check.id}.memory"


def _validate(check: Check) -> None:
    if check.options["seconds"] >= check.timeout:
        raise CheckError("seconds must be below the timeout of the check")


KIND = Kind(
    description="the processes that use most",
    gives="`top:NAME.cpu`, `top:NAME.memory`",
    options={
        "count": option("int", "How many processes to name.", default=10, minimum=1, maximum=1000),
        "seconds": option(
            "float", "Over how long CPU time is measured, in seconds.", default=1.0, above=0
        ),
    },
    probe=probe,
    describe=describe,
    names=_names,
    validate=_validate,
)
