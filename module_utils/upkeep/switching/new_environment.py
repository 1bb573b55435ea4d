# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new environment file takes the place of the old one, which is kept, and goes with its release.

The release is asked with the new file before it serves. The file itself is replaced only once the
host can go back by itself, and the way back brings the old one back as well. Both are kept in a
folder of root: the file may lie where a service user could put a link in the place of a copy.
"""

from __future__ import annotations

import os
import re
import shlex
import time
import typing as t
from dataclasses import asdict, dataclass

from ..base.files import open_regular, read_bytes, unlink_beneath, write_atomic
from ..base.folders import Folder
from ..base.owner import Owner

_LARGEST: t.Final = 1 << 20
_MODE: t.Final = 0o600
#: So many old files are kept.
KEPT: t.Final = 5


@dataclass(frozen=True)
class NewEnvironment:
    """FILE.new beside FILE: where the old one is kept, and its owner and mode."""

    path: str
    copy: str
    uid: int
    gid: int
    mode: int

    @property
    def new(self) -> str:
        """The file that takes the place of the old one."""
        return f"{self.path}.new"

    def note(self) -> dict[str, t.Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    def read_instead(self, text: str) -> str:
        """Return the text of a unit that reads the new file instead of the old one."""
        pattern = rf"^(EnvironmentFile=-?){re.escape(self.path)}$"

        return re.sub(pattern, lambda found: f"{found[1]}{self.new}", text, flags=re.MULTILINE)

    def put_in_place(self) -> None:
        """Install the new file, which systemd reads and nobody else has to; raises OSError."""
        old, content = read_bytes(self.path, _LARGEST), read_bytes(self.new, _LARGEST, owner=0)
        owner = Owner(self.uid, self.gid)
        write_atomic(self.copy, old, self.mode, owner=owner, folder_mode=0o700)
        write_atomic(self._copy_of_new, content, _MODE)
        write_atomic(self.path, content, _MODE)
        unlink_beneath(self.new)

    def script_back(self) -> str:
        """Return a shell script that puts both files back where they were.

        It only renames: that follows no link.
        """
        pairs = ((self.copy, self.path), (self._copy_of_new, self.new))
        steps = []
        for kept, place in pairs:
            kept, place = shlex.quote(kept), shlex.quote(place)
            steps.append(f"{{ [ ! -e {kept} ] || mv -T -- {kept} {place}; }}")

        return " && ".join(steps)

    def keep_old(self, most: int = KEPT) -> None:
        """Keep the old file once the new one is confirmed, and the newest of those before."""
        unlink_beneath(self._copy_of_new)
        stem = f"{self.path.rpartition('/')[2]}."
        with Folder.private(self.copy.rpartition("/")[0]) as folder:
            for old in [name for name in folder.names() if name.startswith(stem)][:-most]:
                folder.remove(old)

    @property
    def _copy_of_new(self) -> str:
        return f"{self.copy}.new"


def find(path: str, root: str) -> NewEnvironment | None:
    """Return the new file beside an environment file, None when there is none.

    It must belong to root: systemd reads it as root. The old one is kept below ``root``, the folder
    of the releases. Raises OSError.
    """
    if not path:
        return None
    try:
        read_bytes(f"{path}.new", _LARGEST, owner=0)
    except FileNotFoundError:
        return None

    with open_regular(path) as stream:
        status = os.fstat(stream.fileno())
    copy = _free(f"{root}/environment/{path.rpartition('/')[2]}.{_stamp()}")

    return NewEnvironment(path, copy, status.st_uid, status.st_gid, status.st_mode & 0o777)


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _free(path: str) -> str:
    """Return a path at which nothing exists, for the old file."""
    taken, number = path, 1
    while os.path.lexists(taken):
        number += 1
        taken = f"{path}-{number}"

    return taken


def from_note(content: t.Any) -> NewEnvironment | None:
    """Return what ``note`` gave; raises KeyError, TypeError, ValueError for anything else."""
    if content is None:
        return None

    return NewEnvironment(
        str(content["path"]),
        str(content["copy"]),
        int(content["uid"]),
        int(content["gid"]),
        int(content["mode"]),
    )
