# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``memory``: the share of memory that no process could still get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...base.options import option
from ...findings import Finding, Limits
from .. import machine
from ..check import Check, ProbeError
from ..clients import cgroups
from ..kind import Kind, Row, limit_options, limit_words

MEMINFO = Path("/proc/meminfo")


def parse(text: str) -> dict[str, int]:
    """Return the fields of /proc/meminfo in kB."""
    fields = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        figure = rest.split()[:1]
        if figure and figure[0].isdigit():
            fields[name] = int(figure[0])

    return fields


def used_percent(fields: dict[str, int], include_swap: bool) -> float:
    """Return the used share in percent; raises KeyError for a field that the kernel left out.

    With swap, both are taken together: a host that swaps a little is not yet short of memory.
    """
    total, free = fields["MemTotal"], fields["MemAvailable"]
    if include_swap:
        total, free = total + fields["SwapTotal"], free + fields["SwapFree"]

    return round(100 * (total - free) / total, 1)


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the used share of memory, or of memory and swap together."""
    machine_fields = parse(read_kernel(MEMINFO))
    fields = _bounded(machine_fields)
    try:
        used = used_percent(fields, check.options["include_swap"])
    except (KeyError, ZeroDivisionError) as error:
        raise ProbeError("unknown", f"{MEMINFO} has no {error}") from error

    available = fields["MemAvailable"] // 1024
    message = f"{used:g} % of {_what(check)} is in use, {available} MiB are available"
    if fields is not machine_fields:
        message += f" of {fields['MemTotal'] // 1024} MiB that this container may use"

    limits = Limits.of(check.options)
    yield check.measured(used, limits, message, "see which process grew", unit="%")


def _bounded(fields: dict[str, int]) -> dict[str, int]:
    """Return the fields as they are for a container that may use less than its machine has.

    Without a limit of its own it shares the machine's memory, and lacks it when the machine does.
    """
    bound = cgroups.memory_bound() if machine.is_shared() else None
    known = fields.keys() >= {"MemTotal", "MemAvailable"}
    if bound is None or not known or bound.most // 1024 >= fields["MemTotal"]:
        return fields

    free = min(max(bound.most - bound.used, 0) // 1024, fields["MemAvailable"])
    swap = fields.get("SwapTotal", 0)
    swap = swap if bound.swap is None else min(bound.swap // 1024, swap)
    swap_free = min(max(swap - bound.swap_used // 1024, 0), fields.get("SwapFree", 0))

    return {
        "MemTotal": bound.most // 1024,
        "MemAvailable": free,
        "SwapTotal": swap,
        "SwapFree": swap_free,
    }


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    yield Row(check.id, f"{_what(check)} in use", *limit_words(Limits.of(check.options), " %"))


def _what(check: Check) -> str:
    return "memory and swap" if check.options["include_swap"] else "memory"


KIND = Kind(
    description="memory in use",
    gives="`memory:NAME`",
    options={
        **limit_options("percent in use", 85.0, 95.0),
        "include_swap": option("bool", "Take memory and swap together.", default=False),
    },
    probe=probe,
    describe=describe,
)
