# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new environment file takes the place of the old one, which is kept, and goes with its release.

The release is asked with the new file before it serves. The file itself is replaced only once the
host can go back by itself, and the way back brings the old one back as well.
"""

from __future__ import annotations

import os
import re
import shlex
import time
import typing as t
from dataclasses import asdict, dataclass

from ..base.files import open_regular, read_bytes, unlink_beneath, write_atomic

_LARGEST: t.Final = 1 << 20
_MODE: t.Final = 0o600


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
        write_atomic(self.copy, old, _MODE)
        write_atomic(self.path, content, _MODE)
        unlink_beneath(self.new)

    def script_back(self) -> str:
        """Return a shell script that puts the old file back where it was replaced."""
        draft = f"{self.path}.upkeep-back"
        copy, path, new, beside = map(shlex.quote, (self.copy, self.path, self.new, draft))
        owner = f"-o {self.uid} -g {self.gid} -m {self.mode:04o}"

        return (
            f"[ ! -e {copy} ] || {{ [ -e {new} ] || cp -p -- {path} {new};"
            f" install -T {owner} -- {copy} {beside} && mv -T -- {beside} {path}"
            f" && rm -f -- {copy}; }}"
        )


def find(path: str) -> NewEnvironment | None:
    """Return the new file beside an environment file, None when there is none.

    It must belong to root: systemd reads it as root. Raises OSError.
    """
    if not path:
        return None
    try:
        read_bytes(f"{path}.new", _LARGEST, owner=0)
    except FileNotFoundError:
        return None

    with open_regular(path) as stream:
        status = os.fstat(stream.fileno())
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    return NewEnvironment(
        path, _free(f"{path}.{stamp}"), status.st_uid, status.st_gid, status.st_mode & 0o777
    )


def _free(path: str) -> str:
    """Return a path that nothing has: what is there already would be taken for the old file."""
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
