# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether units have ended since they were started, and how long they may take to end."""

from __future__ import annotations

import contextlib
import re
import typing as t
from collections.abc import Callable, Sequence

from ..base import systemd
from ..base.deadline import Deadline
from ..base.systemd import SystemdError

_NAMES: t.Final = ("ActiveState", "SubState", "NRestarts")
_UP: t.Final = ("active", "activating", "reloading")
#: What ended and waits to be started again is "activating" as well.
_WAITS: t.Final = "auto-restart"
_LIMIT: t.Final = "TimeoutStopUSec"
#: How long systemd waits where nobody said otherwise, s.
_USUAL_LIMIT: t.Final = 90.0
#: What counts for a unit that systemd would wait for without end, s.
_LONGEST_LIMIT: t.Final = 3600.0
_SPAN: t.Final = re.compile(r"([0-9.]+)(us|ms|s|min|h|d|w)")
_SECONDS: t.Final = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0
}  # fmt: skip


def ended_since(*units: str) -> Callable[[], str]:
    """Return what tells why one of the units no longer runs as it does now; '' while all do.

    Raises SystemdError, TimeoutError.
    """
    began = systemd.show(units, _NAMES, Deadline(30))

    def ended() -> str:
        now = systemd.show(units, _NAMES, Deadline(30))
        problems = (_problem(unit, began[unit], now[unit]) for unit in units)

        return next(filter(None, problems), "")

    return ended


def _problem(unit: str, began: dict[str, str], now: dict[str, str]) -> str:
    if now["ActiveState"] not in _UP or now["SubState"].startswith(_WAITS):
        return f"{unit} is {now['ActiveState']} ({now['SubState']})"
    if now["NRestarts"] != began["NRestarts"]:
        return f"{unit} ended and was started again"

    return ""


def stop_limits(units: Sequence[str]) -> dict[str, float]:
    """Return how long systemd waits for each unit to end before it kills it, s.

    What systemd does not show counts as its default.
    """
    shown: dict[str, dict[str, str]] = {}
    with contextlib.suppress(SystemdError, TimeoutError):
        shown = systemd.show(units, [_LIMIT], Deadline(30))

    return {unit: _limit(shown.get(unit, {}).get(_LIMIT, "")) for unit in units}


def _limit(text: str) -> float:
    """Return the seconds of a time span as systemd writes it, as in ``1min 30s``."""
    if text == "infinity":
        return _LONGEST_LIMIT

    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))

    return min(seconds, _LONGEST_LIMIT) if seconds else _USUAL_LIMIT
