# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scrapers run as their own unit; a switch is given to one run only."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..base import files, systemd
from ..base.deadline import Deadline
from .settings import Scraper, Switch

#: Where units get settings until the next start of the host.
RUNTIME_UNITS: t.Final = Path("/run/systemd/system")
DROP_IN: t.Final = "90-upkeep-once.conf"
_PROPERTIES: t.Final = ("LoadState", "ActiveState", "Result", "Type")
#: Seconds for systemctl beside the run itself.
_SECONDS: t.Final = 60.0


class ScraperError(Exception):
    """A scraper could not be run or failed; the message is a clause."""


class BusyError(Exception):
    """The scraper is at work already."""


def run(scraper: Scraper, switches: Sequence[str], folder: Path = RUNTIME_UNITS) -> None:
    """Run the unit to its end; raises ScraperError, BusyError."""
    try:
        _require_idle(scraper)
        given = [scraper.switches[name] for name in switches]
        with _told(scraper.unit, given, folder):
            systemd.start(scraper.unit, Deadline(scraper.max_seconds))
        state = systemd.show([scraper.unit], _PROPERTIES, Deadline(_SECONDS))[scraper.unit]
    except TimeoutError as error:
        raise ScraperError(f"it still runs after {scraper.max_seconds} s") from error
    except systemd.SystemdError as error:
        raise ScraperError(str(error)) from error
    except OSError as error:
        raise ScraperError(f"its switches cannot be set: {files.reason_of(error)}") from error

    if state.get("Result") != "success":
        raise ScraperError(f"it ended with {state.get('Result')}")


def _require_idle(scraper: Scraper) -> None:
    state = systemd.show([scraper.unit], _PROPERTIES, Deadline(_SECONDS))[scraper.unit]
    if state.get("LoadState") != "loaded":
        raise ScraperError(f"{scraper.unit} is {state.get('LoadState') or 'unknown'} to systemd")
    if state.get("Type") != "oneshot":
        raise ScraperError(f"{scraper.unit} is not of type oneshot: its end would not be seen")
    if state.get("ActiveState") in ("activating", *systemd.ACTIVE_STATES):
        raise BusyError(f"{scraper.unit} runs already")


@contextlib.contextmanager
def _told(unit: str, switches: Sequence[Switch], folder: Path) -> Iterator[None]:
    """Give the unit variables while it is started; what a killed run left is taken away first."""
    path = folder / f"{unit}.d" / DROP_IN
    if files.unlink_beneath(path, folder) or switches:
        if switches:
            words = " ".join(f"{switch.variable}={switch.value}" for switch in switches)
            files.write_atomic(path, f"[Service]\nEnvironment={words}\n", folder_mode=0o755)
        systemd.reload_files(Deadline(_SECONDS))

    try:
        yield
    finally:
        if switches:
            files.unlink_beneath(path, folder)
            systemd.reload_files(Deadline(_SECONDS))
