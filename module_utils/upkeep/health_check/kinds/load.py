# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``load``: the 5 minute load average per core."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...findings import Finding
from .. import machine
from ..check import Check, Deadline, Kind


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the load per core, so that one limit fits hosts of any size."""
    cores = os.cpu_count() or 1
    per_core = round(os.getloadavg()[1] / cores, 2)
    message = f"{per_core:g} runnable processes per core over 5 minutes ({cores} cores)"
    if machine.is_shared():
        told = f"{message}, of all containers of this machine"
        yield check.finding("info", told, observed=per_core, unit="per core")
        return

    yield check.measured(
        per_core,
        check.options,
        message,
        "see which processes use the processor or wait for the disk",
        unit="per core",
    )


KIND = Kind(
    options={
        "warning": {"type": "float", "default": 1.5},
        "critical": {"type": "float", "default": 4.0},
    },
    probe=probe,
)
