# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge the clock of a host against the controller's, from four readings around one exchange."""

from __future__ import annotations

from ansible.module_utils.upkeep.findings import Finding, finding, judge


def skew_bounds(
    sent: float, started: float, finished: float, received: float
) -> tuple[float, float]:
    """Return between which seconds the host is ahead of the controller (negative: behind).

    ``sent`` and ``received`` are read on the controller, ``started`` and ``finished`` on the host.
    The exchange takes time in both directions; so what the host shows on arrival is too much, on
    departure too little.
    """
    return finished - received, started - sent


def clock_finding(bounds: tuple[float, float], warning: float, critical: float) -> Finding:
    """Judge the smallest skew that explains the readings: a slow connection is never taken for a wrong clock."""
    low, high = bounds
    least = low if low > 0 else min(high, 0.0)
    status = judge(abs(least), warning=warning, critical=critical)
    message = f"The clock is between {low:+.1f} and {high:+.1f} s from the controller's."
    if status != "ok":
        message += " Ages and schedules are wrong by that much: repair time synchronisation (timedatectl timesync-status)."

    return finding(
        "host:clock",
        status,
        message,
        observed=round(least, 1),
        expected=f"at most {warning:g}",
        unit="s",
    )
