# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unit_memory``: the resident memory of a systemd unit with all its processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...findings import Finding, Limits
from ..check import Check, ProbeError
from ..clients import procfs
from ..clients.units import unit_option, unit_properties, validate_unit
from ..kind import Kind, Row, limit_options, limit_words

CGROUP = Path("/sys/fs/cgroup")


def parse(text: str) -> int:
    """Return the resident bytes of a cgroup's memory.stat, without the page cache.

    Raises KeyError when a field is missing, ValueError when one is not a number.
    """
    fields = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)

    return int(fields["anon"]) + int(fields["file_mapped"])


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the memory in MB. A unit that does not run uses none, which says nothing about it."""
    unit = check.options["unit"]
    shown = unit_properties(unit, ("ControlGroup", "Id"), deadline)
    group = shown.get("ControlGroup", "")
    if not group:
        raise ProbeError("unknown", f"{unit} does not run, so its memory cannot be judged")

    # Processes know the unit's own name: with its suffix, and not an alias.
    used = round(resident(shown.get("Id") or unit, group) / 1e6, 1)
    yield check.measured(
        used,
        Limits.of(check.options),
        f"the processes of {unit} use {used:g} MB of memory",
        "look for a leak, restart it when nobody needs it",
        unit="MB",
    )


def resident(unit: str, group: str) -> int:
    """Return the resident bytes of a unit, from its cgroup or else the sum over its processes."""
    try:
        return parse(read_kernel(CGROUP / group.lstrip("/") / "memory.stat"))
    except (OSError, KeyError, ValueError):
        # Memory is not accounted for: memory that processes share then counts several times.
        found = [one for pid in procfs.in_unit(unit) if (one := procfs.process(pid))]

    if not found:
        raise ProbeError("unknown", f"no process of {unit} is visible, so its memory is not known")

    return sum(one.rss for one in found)


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    words = limit_words(Limits.of(check.options), " MB")
    yield Row(check.id, f"memory of the processes of `{check.options['unit']}`", *words)


KIND = Kind(
    description="resident memory of a unit with all its processes",
    gives="`unit_memory:NAME`",
    options={
        "unit": unit_option("The systemd unit.", required=True),
        **limit_options("MB"),
    },
    probe=probe,
    describe=describe,
    validate=lambda check: validate_unit(check.options["unit"]),
)
