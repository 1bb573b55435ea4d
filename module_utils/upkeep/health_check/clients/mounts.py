# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file systems of a host, read from /proc/self/mountinfo."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Mapping, Sequence

#: File systems without a block device of their own that still hold data on this host.
_WITHOUT_DEVICE: t.Final = frozenset({"zfs", "btrfs", "bcachefs"})
#: Images that are full by nature.
_ALWAYS_FULL: t.Final = frozenset({"squashfs", "iso9660", "erofs", "cramfs", "udf"})
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(t.NamedTuple):
    """One line of mountinfo, as far as checks need it."""

    number: str
    parent: str
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
            Mount(
                left[0],
                left[1],
                _unescape(left[4]),
                _unescape(left[3]),
                left[2],
                right[0],
                _unescape(right[1]),
            )
        )

    return mounts


def local(mounts: Iterable[Mount]) -> list[Mount]:
    """Return the file systems that hold this host's data, each once, sorted by mount point."""
    chosen: dict[str, Mount] = {}
    for mount in sorted(
        visible(list(mounts)), key=lambda m: (m.root != "/", len(m.point), m.point)
    ):
        if _holds_data(mount):
            chosen.setdefault(mount.device, mount)

    return sorted(chosen.values(), key=lambda m: m.point)


def visible(mounts: Sequence[Mount]) -> list[Mount]:
    """Return the mounts that no later one hides, at their own place or at a folder above it."""
    last = {mount.point: number for number, mount in enumerate(mounts)}
    parents = {mount.number: mount.parent for mount in mounts}
    found = []

    for number, mount in enumerate(mounts):
        over = [last[folder] for folder in _folders(mount.point) if folder in last]
        hidden = any(
            other > number and not _lies_on(mount, mounts[other], parents) for other in over
        )
        if last[mount.point] == number and not hidden:
            found.append(mount)

    return found


def _folders(point: str) -> list[str]:
    """Return the folders above a mount point, the root last."""
    parts = point.split("/")[:-1]

    return ["/".join(parts[:length]) or "/" for length in range(len(parts), 0, -1)]


def _lies_on(mount: Mount, other: Mount, parents: Mapping[str, str]) -> bool:
    """Return whether a mount was made inside another one, however deep."""
    number, seen = mount.parent, set()
    while number in parents and number not in seen:
        if number == other.number:
            return True

        seen.add(number)
        number = parents[number]

    return False


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
