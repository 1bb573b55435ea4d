# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file systems of a host, read from /proc/self/mountinfo."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable

#: File systems without a block device of their own that still hold data on this host.
_WITHOUT_DEVICE: t.Final = frozenset({"zfs", "btrfs", "bcachefs"})
#: Images that are full by nature.
_ALWAYS_FULL: t.Final = frozenset({"squashfs", "iso9660", "erofs", "cramfs", "udf"})
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(t.NamedTuple):
    """One line of mountinfo, as far as checks need it."""

    point: str
    root: str  # the folder of the file system that is mounted; not "/" for bind mounts
    device: str  # "major:minor"
    kind: str
    source: str


def parse(text: str) -> list[Mount]:
    """Return the mounts in the kernel's order; lines that do not follow the format are left out."""
    mounts = []
    for line in text.split("\n"):
        before, separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if not separator or len(left) < 6 or len(right) < 2:
            continue

        mounts.append(
            Mount(_unescape(left[4]), _unescape(left[3]), left[2], right[0], _unescape(right[1]))
        )

    return mounts


def local(mounts: Iterable[Mount]) -> list[Mount]:
    """Return the file systems that hold this host's data, each once, sorted by mount point."""
    # A later mount hides an earlier one at the same place.
    visible = {mount.point: mount for mount in mounts}
    chosen: dict[str, Mount] = {}
    for mount in sorted(visible.values(), key=lambda m: (m.root != "/", len(m.point), m.point)):
        if _holds_data(mount):
            chosen.setdefault(mount.device, mount)

    return sorted(chosen.values(), key=lambda m: m.point)


def _holds_data(mount: Mount) -> bool:
    if mount.kind in _ALWAYS_FULL:
        return False
    if mount.kind == "overlay":
        # The root of a container; below that it is a container engine's view of our own disk.
        return mount.point == "/"

    # Major number 0 belongs to file systems without a device: proc, tmpfs, nfs, cifs, fuse and
    # their like.
    return not mount.device.startswith("0:") or mount.kind in _WITHOUT_DEVICE


def _unescape(text: str) -> str:
    """Undo the kernel's octal escapes of blank, tab, newline and backslash."""
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
