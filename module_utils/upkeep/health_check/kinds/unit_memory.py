# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unit_memory``: the resident memory of a systemd unit with all its processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from ..check import LIMITS, Check, Deadline, Kind, ProbeError
from ..clients import procfs as processes
from .unit import show

CGROUP = Path("/sys/fs/cgroup")


def parse(text: str) -> int:
    """Return the resident bytes of a cgroup's memory.stat: without the page cache, which can be had back.

    Raises KeyError when a field is missing, ValueError when one is no number.
    """
    fields = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    return int(fields["anon"]) + int(fields["file_mapped"])


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the memory in MB. A unit that does not run uses none, which says nothing about it."""
    unit = check.options["unit"]
    group = show(unit, ("ControlGroup",), deadline).get("ControlGroup", "")
    if not group:
        raise ProbeError("unknown", f"{unit} does not run, so its memory cannot be judged")

    used = round(resident(unit, group) / 1e6, 1)
    yield check.measured(
        used,
        check.options,
        f"the processes of {unit} have {used:g} MB of memory",
        "look for a leak, restart it when nobody needs it",
        unit="MB",
    )


def resident(unit: str, group: str) -> int:
    """Return the resident bytes of a unit, from its cgroup or else the sum over its processes."""
    try:
        return parse((CGROUP / group.lstrip("/") / "memory.stat").read_text(encoding="ascii"))
    except (OSError, KeyError, ValueError):
        # Memory is not accounted for: memory that processes share then counts several times.
        found = [processes.process(pid) for pid in processes.in_unit(unit)]
        return sum(one.rss for one in found if one)


KIND = Kind(options={"unit": {"type": "str", "required": True}, **LIMITS}, probe=probe)
