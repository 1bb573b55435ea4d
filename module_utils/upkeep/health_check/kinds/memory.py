# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``memory``: the share of memory that no process could still get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from ..check import Check, Deadline, Kind, ProbeError

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
    """Return the used share in percent; raises KeyError when the kernel does not tell.

    With swap, both are taken together: a host that swaps a little is not yet short of memory.
    """
    total, free = fields["MemTotal"], fields["MemAvailable"]
    if include_swap:
        total, free = total + fields["SwapTotal"], free + fields["SwapFree"]

    return round(100 * (total - free) / total, 1)


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the used share of memory, of memory and swap together when asked."""
    fields = parse(MEMINFO.read_text(encoding="ascii"))
    try:
        used = used_percent(fields, check.options["include_swap"])
    except (KeyError, ZeroDivisionError) as error:
        raise ProbeError("unknown", f"{MEMINFO} does not tell {error}") from error

    what = "memory and swap" if check.options["include_swap"] else "memory"
    message = (
        f"{used:g} % of {what} is in use, {fields['MemAvailable'] // 1024} MiB can still be had"
    )
    yield check.measured(used, check.options, message, "see which process grew", unit="%")


KIND = Kind(
    options={
        "warning": {"type": "float", "default": 85.0},
        "critical": {"type": "float", "default": 95.0},
        "include_swap": {"type": "bool", "default": False},
    },
    probe=probe,
)
