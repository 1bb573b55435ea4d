# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether units that were started have ended since."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ..base import systemd
from ..base.deadline import Deadline

_NAMES: t.Final = ("ActiveState", "SubState", "NRestarts")
_UP: t.Final = ("active", "activating", "reloading")
#: What ended and waits to be started again is "activating" as well.
_WAITS: t.Final = "auto-restart"


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
