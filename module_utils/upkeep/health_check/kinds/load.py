# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``load``: the 5 minute load average per core."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...findings import Finding, Limits
from .. import machine
from ..check import Check
from ..kind import Kind, Row, limit_options, limit_words


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the load per core, so that one limit fits hosts of any size."""
    cores = os.cpu_count() or 1
    per_core = round(os.getloadavg()[1] / cores, 2)
    message = f"{per_core:g} runnable processes per core over 5 minutes ({cores} cores)"
    if machine.is_shared():
        message += ", of all containers of this machine"
        yield check.finding("info", message, observed=per_core, unit="per core")
        return

    yield check.measured(
        per_core,
        Limits.of(check.options),
        message,
        "see which processes use the CPU or wait for the disk",
        unit="per core",
    )


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    words = limit_words(Limits.of(check.options))
    yield Row(check.id, "runnable processes per core over 5 min", *words)


KIND = Kind(
    description="load per core",
    gives="`load:NAME`",
    options=limit_options("runnable processes per core over 5 minutes", 1.5, 4.0),
    probe=probe,
    describe=describe,
)
