# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The off-host store of ops: a folder that takes whole files and never replaces one."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import typing as t
from pathlib import Path

#: What may stand between two slashes of a name: nothing that is hidden, leads upwards or needs
#: quoting.
_PART: t.Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DEEPEST: t.Final = 8
_DRAFT: t.Final = ".draft-"
#: Left free for everything else on the machine, bytes.
RESERVE: t.Final = 256 << 20


class ObjectStoreError(Exception):
    """The file cannot be taken or given; ``status`` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Kept(t.NamedTuple):
    """A file that is kept: ``name`` is its path below the store."""

    name: str
    bytes: int
    sha256: str


class Draft:
    """A file that is coming in; it gets its name only when it is whole."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name, self._path = store, name, store.path_of(name)
        store.folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=store.folder)
        self._file, self._draft = os.fdopen(handle, "wb"), Path(draft)
        self._digest, self._bytes = hashlib.sha256(), 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes; raises ObjectStoreError when the disk gets full."""
        if shutil.disk_usage(self._store.folder).free < RESERVE + len(chunk):
            raise ObjectStoreError(507, "the store is full")

        self._file.write(chunk)
        self._digest.update(chunk)
        self._bytes += len(chunk)

    def keep(self, wanted: str = "") -> Kept:
        """Give the file its name once it lies on the disk.

        Raises ObjectStoreError for another content than ``wanted``.

        ``wanted`` is a sha256 in hexadecimal, '' for any. The same file may come again, another one
        of its name not.
        """
        seen = self._digest.hexdigest()
        if wanted and wanted.lower() != seen:
            raise ObjectStoreError(422, f"what came in has sha256 {seen}")

        self._file.flush()
        os.fsync(self._file.fileno())

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise ObjectStoreError(409, f"a part of {self._name} is a file that is kept") from None

        try:
            os.link(self._draft, self._path)
        except FileExistsError:
            if not self._path.is_file() or self._store.look(self._name).sha256 != seen:
                raise ObjectStoreError(409, f"something else is kept as {self._name}") from None

        return Kept(self._name, self._bytes, seen)

    def close(self) -> None:
        """Leave nothing of the draft behind."""
        self._file.close()
        self._draft.unlink(missing_ok=True)


class ObjectStore:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, name: str) -> Path:
        """Return where a file lies; raises ObjectStoreError for a name that is none."""
        parts = name.split("/")
        if len(parts) > _DEEPEST or not all(_PART.fullmatch(part) for part in parts):
            raise ObjectStoreError(
                400,
                "a name is made of letters, digits, '.', '_', '-' and slashes between its parts",
            )

        return self.folder.joinpath(*parts)

    def look(self, name: str) -> Kept:
        """Return a kept file with its digest, read from the disk; raises ObjectStoreError."""
        path = self.path_of(name)
        try:
            with path.open("rb") as file:
                return Kept(
                    name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
                )
        except OSError:
            raise ObjectStoreError(404, f"no file is kept as {name}") from None

    def names(self) -> list[dict[str, t.Any]]:
        """Return name and bytes of all kept files, by name."""
        files = (
            path
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith(_DRAFT)
        )
        return [
            {"name": f"{path.relative_to(self.folder)}", "bytes": path.stat().st_size}
            for path in sorted(files)
        ]

    def remove(self, name: str) -> None:
        """Forget a file; raises ObjectStoreError when there is none."""
        try:
            self.path_of(name).unlink()
        except OSError:
            raise ObjectStoreError(404, f"no file is kept as {name}") from None
