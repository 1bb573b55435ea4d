# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs that were killed: the next run leaves the report that they could not leave themselves."""

from __future__ import annotations

import typing as t
from pathlib import Path

from upkeep.run import events, process

#: How many of the newest runs are looked at; a store may hold thousands.
NEWEST: t.Final = 20


def killed(runs_dir: Path, own: str) -> list[Path]:
    """Return the folders of the newest runs that have no record and whose process has ended.

    A process that ran elsewhere cannot be known to have ended: its run is left alone. ``own`` is
    the name of the run that asks.
    """
    folders = (path for path in runs_dir.iterdir() if path.is_dir() and not path.is_symlink())
    newest = sorted(folders, key=lambda path: path.name, reverse=True)[:NEWEST]

    return [folder for folder in newest if folder.name != own and _is_left_over(folder)]


def _is_left_over(folder: Path) -> bool:
    log = folder / events.LOG_NAME
    if (folder / "record.json").exists() or not log.exists():
        return False

    started = next((e for e in events.read(log) if e["event"] == "run_started"), {})

    return process.is_dead(started)
