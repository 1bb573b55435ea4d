# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs that were killed: the next run leaves the report that they could not leave themselves."""

from __future__ import annotations

import socket
import typing as t
from collections.abc import Mapping
from pathlib import Path

from upkeep.run import events, process

#: How many of the newest runs are looked at; a store may hold thousands.
NEWEST: t.Final = 20
#: Seconds by which the time of the boot moves when the clock is set.
_CLOCK_SLACK: t.Final = 5.0


def killed(runs_dir: Path, own: str) -> list[Path]:
    """Return the folders of the newest runs that have no record and whose process has ended.

    A process that ran elsewhere cannot be known to have ended: its run is left alone. One of a
    controller of this name that has written nothing since this machine booted went with the boot.
    A clone of that name could still be at it, and then leaves its own report at its end; the lock,
    where such a mistake would do harm, is never taken over for that. ``own`` is the name of the run
    that asks.
    """
    folders = (path for path in runs_dir.iterdir() if path.is_dir() and not path.is_symlink())
    newest = sorted(folders, key=lambda path: path.name, reverse=True)[:NEWEST]

    return [folder for folder in newest if folder.name != own and _is_left_over(folder)]


def _is_left_over(folder: Path) -> bool:
    log = folder / events.LOG_NAME
    if (folder / "record.json").exists() or not log.exists():
        return False

    started = next((e for e in events.read(log) if e["event"] == "run_started"), {})

    return process.is_dead(started) or _went_with_a_boot(started, log)


def _went_with_a_boot(started: Mapping[str, t.Any], log: Path) -> bool:
    booted = process.boot_time()
    if booted is None or started.get("controller") != socket.gethostname():
        return False
    if (here := process.machine()) and started.get("machine") == here:
        return False  # of this boot, whose time jumps when the clock is set

    return log.stat().st_mtime < booted - _CLOCK_SLACK
