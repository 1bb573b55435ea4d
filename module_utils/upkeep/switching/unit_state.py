# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a unit that was started has ended since."""

from __future__ import annotations

from collections.abc import Callable

from ..base import systemd
from ..base.deadline import Deadline

_NAMES = ("ActiveState", "SubState", "NRestarts")
_UP = ("active", "activating", "reloading")


def ended_since(unit: str) -> Callable[[], str]:
    """Return what tells why a unit no longer runs as it does now; '' while it does.

    Raises SystemdError, TimeoutError.
    """
    began = systemd.show([unit], _NAMES, Deadline(30))[unit]

    def ended() -> str:
        now = systemd.show([unit], _NAMES, Deadline(30))[unit]
        if now["ActiveState"] not in _UP:
            return f"{unit} is {now['ActiveState']} ({now['SubState']})"
        if now["NRestarts"] != began["NRestarts"]:
            return f"{unit} ended and was started again"

        return ""

    return ended
