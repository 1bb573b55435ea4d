# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""File systems below what is replaced: they would go along with its old name, out of sight."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence

from ..base.kernel import read_kernel
from ..base.text import list_some, visible
from .choose import RestoreError

_MOST: t.Final = 16 << 20
#: Space, tab, line break and backslash in a path, as the kernel writes them.
_ESCAPED: t.Final = re.compile(r"\\([0-7]{3})")


def require_no_mounts(paths: Sequence[str]) -> None:
    """Raise RestoreError where a file system is mounted at one of some paths or below it.

    Whoever removed what is kept of such a path would remove what is on that file system.
    """
    text = read_kernel("/proc/self/mountinfo", _MOST)
    if found := mounts_in(text, paths):
        raise RestoreError(
            f"file systems are mounted at or below what would be replaced:"
            f" {list_some([visible(path) for path in found], 3)}; unmount them, restore single"
            " paths (restore_paths), or restore beside (restore_action=side) and copy"
        )


def mounts_in(text: str, paths: Sequence[str]) -> list[str]:
    """Return the mount points of a mountinfo that lie at or below some paths, in its order."""
    points = [_plain(line.split(" ")[4]) for line in text.splitlines() if line.count(" ") > 4]

    return [
        point
        for point in dict.fromkeys(points)
        if any(f"{point}/".startswith(f"{path.rstrip('/')}/") for path in paths)
    ]


def _plain(path: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), path)
