# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host that gets a history, and commands on it."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

from .logfiles import HistoryClock

DESCRIPTION: t.Final = Path("/etc/demo/host.json")
BACKUPS: t.Final = Path("/backups")
SECONDS: t.Final = 300  # for one command


class HistoryHost(t.NamedTuple):
    """What demo/fleet.yml gives for the host and for the history: seed, days of rows and logs."""

    name: str
    system: str
    components: tuple[str, ...]
    settings: dict[str, t.Any]
    seed: int
    days: int
    log_days: int
    clock: HistoryClock

    @property
    def user(self) -> str:
        """The service account."""
        return str(self.settings["user"])

    @property
    def home(self) -> Path:
        """Where the application lives."""
        return Path(self.settings["home"])


def read(text: str, clock: HistoryClock) -> HistoryHost | None:
    """Return the host that a description is of, None when it is to have no history."""
    data = json.loads(text)
    history = data.get("history")
    if not history:
        return None

    return HistoryHost(
        data["name"], data["system"], tuple(data["components"]), data["settings"],
        history["seed"], history["days"], history["log_days"], clock,
    )  # fmt: skip


def run(*argv: str, stdin: bytes = b"") -> bytes:
    """Run a command and return what it writes.

    Raises CalledProcessError, of which the journal shows the words.
    """
    done = subprocess.run(  # noqa: S603
        argv, input=stdin, stdout=subprocess.PIPE, timeout=SECONDS, check=True
    )
    return done.stdout


def as_postgres(*argv: str, stdin: bytes = b"") -> bytes:
    """Run a command as the owner of the database server."""
    return run("runuser", "-u", "postgres", "--", *argv, stdin=stdin)
