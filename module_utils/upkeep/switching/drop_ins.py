# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the release that serves says about its units, as a file beside each unit.

A link into the release would be one step less, but systemd reads unit files at boot before it
mounts more than the root: with releases on a file system of their own, the units would start as
they were before the first deployment.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterable

from ..base.files import read_text, write_atomic
from ..base.folders import Folder
from . import unit_files
from .releases import Releases

_LARGEST: t.Final = 1 << 20
_NOTHING: t.Final = "# The release that serves says nothing about this unit.\n"


def install(releases: Releases, units: Iterable[str], release: str) -> bool:
    """Let units be as a release says, once systemd reads its files; return whether that is new.

    Raises OSError.
    """
    changed = False
    for unit in units:
        text = _text(releases, unit, release)
        with Folder.owned(f"{unit_files.UNITS}/{unit}.d", make=True) as folder:
            is_link = bool(folder.target(unit_files.DROP_IN))
        path = unit_files.drop_in_path(unit)
        if is_link or _found(path) != text:
            write_atomic(path, text)
            changed = True

    return changed


def prepare(releases: Releases, units: Iterable[str], release: str) -> None:
    """Put what a release says beside, where the way back only renames it; raises OSError."""
    for unit in units:
        text = _text(releases, unit, release)
        write_atomic(unit_files.undo_drop_in_path(unit), text, folder_mode=0o755)


def forget(units: Iterable[str]) -> None:
    """Remove what was prepared for a way back; raises OSError."""
    for unit in units:
        folder, _, name = unit_files.undo_drop_in_path(unit).rpartition("/")
        with contextlib.suppress(FileNotFoundError), Folder.owned(folder) as opened:
            opened.remove(name)


def _text(releases: Releases, unit: str, release: str) -> str:
    found = _found(releases.path(release, "units", f"{unit}.conf"))

    return _NOTHING if found is None else found


def _found(path: str) -> str | None:
    try:
        return read_text(path, _LARGEST)
    except FileNotFoundError:
        return None
