# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new environment file takes the place of the old one, which is kept."""

from __future__ import annotations

import os
import time
import typing as t

from ..base.files import open_regular, read_bytes, unlink_beneath, write_atomic
from ..base.owner import Owner
from .settings import App

_LARGEST: t.Final = 1 << 20
_MODE: t.Final = 0o600


class ChangedFile(t.NamedTuple):
    """What was replaced: its content, owner and mode, and where a copy of it is."""

    content: bytes
    owner: Owner
    mode: int
    copy: str


def put_in_place(app: App) -> ChangedFile | None:
    """Install FILE.new as FILE, the old one kept as FILE.<stamp>; None when there is none.

    The new file must belong to root: systemd reads it as root. Raises OSError.
    """
    path = app.environment_file
    if not path:
        return None

    new = f"{path}.new"
    try:
        content = read_bytes(new, _LARGEST, owner=0)
    except FileNotFoundError:
        return None

    old = read_bytes(path, _LARGEST)
    with open_regular(path) as stream:
        status = os.fstat(stream.fileno())
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = f"{path}.{stamp}"
    write_atomic(copy, old, _MODE)
    # systemd reads it, nobody else has to.
    write_atomic(path, content, _MODE)
    unlink_beneath(new)

    return ChangedFile(old, Owner(status.st_uid, status.st_gid), status.st_mode & 0o777, copy)


def put_back(app: App, changed: ChangedFile | None) -> None:
    """Put the old file back, and the new one aside again; raises OSError."""
    if changed is None:
        return

    new = read_bytes(app.environment_file, _LARGEST)
    write_atomic(f"{app.environment_file}.new", new, _MODE)
    write_atomic(app.environment_file, changed.content, changed.mode, owner=changed.owner)
    unlink_beneath(changed.copy)
