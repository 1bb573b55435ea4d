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
from ..check import Check, ProbeError
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
    fields = parse(read_kernel(MEMINFO))
    try:
        used = used_percent(fields, check.options["include_swap"])
    except (KeyError, ZeroDivisionError) as error:
        raise ProbeError("unknown", f"{MEMINFO} has no {error}") from error

    available = fields["MemAvailable"] // 1024
    message = f"{used:g} % of {_what(check)} is in use, {available} MiB are available"
    limits = Limits.of(check.options)
    yield check.measured(used, limits, message, "see which process grew", unit="%")


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
