# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two things that healing needs of systemd: how a unit stands, and that it is started."""

from __future__ import annotations

import subprocess
import typing as t
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..health_check.check import ProbeError
from ..health_check.clients.units import unit_properties as show

PROPERTIES: t.Final = ("LoadState", "ActiveState", "SubState", "Result", "InvocationID")
_SHOW_SECONDS: t.Final = 10.0


@dataclass(frozen=True)
class State:
    """How a unit stands; ``invocation`` changes with every start."""

    load: str
    active: str
    sub: str
    result: str
    invocation: str

    @property
    def is_up(self) -> bool:
        """Whether the unit does its work as far as systemd knows."""
        return self.active in ("active", "reloading")

    @property
    def is_changing(self) -> bool:
        """Whether the unit is on its way to another state.

        Waiting for the next try of a crash loop is not.
        """
        return self.active in ("activating", "deactivating") and self.sub != "auto-restart"

    def __str__(self) -> str:
        reason = f", last result {self.result}" if self.result not in ("", "success") else ""
        return f"{self.active} ({self.sub}{reason})"


def state(unit: str) -> State:
    """Return how a unit stands; raises ProbeError."""
    try:
        shown = show(unit, PROPERTIES, Deadline(_SHOW_SECONDS))
    except TimeoutError as error:
        raise ProbeError("unknown", f"systemd did not tell the state of {unit} in time") from error

    if not shown.get("LoadState") or not shown.get("ActiveState"):
        raise ProbeError("unknown", f"systemd did not tell the state of {unit}")

    return State(*(shown.get(name, "") for name in PROPERTIES))


def restart(unit: str, seconds: float) -> str:
    """Start a unit anew, whatever limit on starts it has hit.

    Return "" or what systemd says against it.
    """
    # A unit that systemd has given up on refuses to start before this. Without such a mark it says
    # so, no matter.
    _systemctl(("reset-failed", "--", unit), seconds)
    return _systemctl(("restart", "--", unit), seconds)


def _systemctl(words: tuple[str, ...], seconds: float) -> str:
    argv = ["systemctl", "--no-ask-password", *words]
    try:
        done = subprocess.run(  # noqa: S603 - an argv list; the unit name cannot become an option
            argv,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not start within {seconds:g} s"
    except OSError as error:
        return f"systemctl cannot be run: {error.strerror}"

    return (
        ""
        if done.returncode == 0
        else " ".join(done.stderr.split()) or f"systemctl ended with {done.returncode}"
    )
