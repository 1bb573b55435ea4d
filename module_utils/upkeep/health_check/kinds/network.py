# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``network``: how much went over the network since the look before, and how much of it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from .. import counters as since
from ..check import LIMITS, Check, Deadline, Kind, always, remember

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
        if (
            not separator
            or name.strip() == "lo"
            or len(fields) < 16
            or not all(f.isdecimal() for f in fields)
        ):
            continue

        seen = True
        figures = [int(field) for field in fields]
        total["received"] += figures[0]
        total["sent"] += figures[8]
        total["errors"] += figures[2] + figures[10]

    return total if seen else {}


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the rate in both directions together, MB/s."""
    counters = parse(DEV.read_text(encoding="utf-8", errors="replace"))
    if not counters:
        yield check.finding("info", "this host has no network interface but the loopback")
        return

    passed, memory = since.compare(check, counters)
    yield remember(memory)
    if passed is None:
        yield check.finding("info", since.too_early("the traffic"))
        return

    received, sent = (passed.counts[name] / passed.seconds / 1e6 for name in ("received", "sent"))
    message = (
        f"{received:.3f} MB/s received, {sent:.3f} MB/s sent, {passed.counts['errors']} errors"
    )
    advice = "compare with the requests of that time"
    yield check.measured(round(received + sent, 3), check.options, message, advice, unit="MB/s")


KIND = Kind(options=LIMITS, probe=probe, remembers=always)
