# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``network``: traffic and errors of the network interfaces since the previous run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...findings import Finding, Limits
from .. import counters
from ..check import Check, remember
from ..kind import Kind, Row, always, limit_options, limit_words

DEV = Path("/proc/net/dev")
COUNTERS = ("received", "sent", "errors")


def parse(text: str) -> dict[str, int]:
    """Return the bytes received and sent and the errors of all interfaces but the loopback.

    {} without any.
    """
    total = dict.fromkeys(COUNTERS, 0)
    seen = False
    for line in text.splitlines():
        name, separator, rest = line.rpartition(":")
        fields = rest.split()
        if not separator or name.strip() == "lo" or len(fields) < 16:
            continue
        if not all(field.isdecimal() for field in fields):
            continue

        seen = True
        figures = [int(field) for field in fields]
        total["received"] += figures[0]
        total["sent"] += figures[8]
        total["errors"] += figures[2] + figures[10]

    return total if seen else {}


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the rate in both directions together, MB/s."""
    current = parse(read_kernel(DEV))
    if not current:
        yield check.finding("info", "this host has no network interface but the loopback")
        return

    passed, memory = counters.compare(check, current)
    yield remember(memory)

    if passed is None:
        yield check.finding("info", counters.no_baseline("network traffic"))
        return

    received, sent = (passed.counts[name] / passed.seconds / 1e6 for name in ("received", "sent"))
    errors = passed.counts["errors"]
    message = f"{received:.3f} MB/s received, {sent:.3f} MB/s sent, {errors} errors"
    yield check.measured(
        round(received + sent, 3),
        Limits.of(check.options),
        message,
        "compare with the requests of that time",
        unit="MB/s",
    )


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    words = limit_words(Limits.of(check.options), " MB/s")
    yield Row(check.id, "traffic in both directions since the previous run", *words)


KIND = Kind(
    description="traffic in both directions since the previous run",
    gives="`network:NAME`",
    options=limit_options("MB/s in both directions together since the previous run"),
    probe=probe,
    describe=describe,
    remembers=always,
)
