# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders and files of the store: for the owner and the group, whatever the umask allows others."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

FOLDER_MODE: t.Final = 0o750
FILE_MODE: t.Final = 0o640


def make_folders(folder: Path) -> None:
    """Make a folder and those above it that are missing; raises OSError.

    Folders that exist keep their modes: they are not ours.
    """
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=FOLDER_MODE, exist_ok=True)


def open_to_append(path: Path) -> t.TextIO:
    """Open a text file to append to, and make it when it is missing; raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)

    return os.fdopen(handle, "a", encoding="utf-8")


def make_file(path: Path) -> None:
    """Make an empty file when it is missing; raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
