# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue of one system's backup sets: a private folder with a folder for each set.

``<root>/<set>/manifest.json`` and ``<root>/<set>/<artefact>/<file>``; a set is made in
``<root>/.making-<set>`` and published by one rename. Records stand in ``<root>/.records``.
"""

from __future__ import annotations

import contextlib
import hashlib
import typing as t
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..base.files import exclusive, reason_of, unlink_beneath
from ..base.folders import Folder
from ..base.state_file import StateFileError
from . import manifest as manifests
from . import record as records
from .manifest import BackupManifest, ManifestError, SetFile, UnknownFormatError
from .record import SetRecord

_MAKING: t.Final = ".making-"
_LOCK: t.Final = ".lock"


class CatalogueError(Exception):
    """The catalogue cannot be used; the message says why."""


@dataclass(frozen=True)
class BackupSet:
    """A published set; ``problem`` is why its manifest or record cannot be believed, '' if it can.

    ``manifest`` is None then, and ``record`` is None for a set that came without one, as after the
    catalogue was copied to a new host. ``is_unread`` says that the problem is one of reading, or of
    our version, and not of the set.
    """

    name: str
    created: datetime
    manifest: BackupManifest | None
    record: SetRecord | None
    problem: str = ""
    is_unread: bool = False

    @property
    def may_expire(self) -> bool:
        """Whether enough is known of the set to delete it: that it was looked at and is not held.

        A set without a record may be held, and may be the only one of its month.
        """
        return self.record is not None and not self.is_unread

    @property
    def artefacts(self) -> frozenset[str]:
        """The names of its artefacts; none when its manifest cannot be believed."""
        return (
            frozenset(one.name for one in self.manifest.artefacts) if self.manifest else frozenset()
        )

    @property
    def is_verified(self) -> bool:
        """Whether the set was read as a whole and found good, and nothing was found wrong since."""
        return not self.problem and self.record is not None and self.record.is_verified

    @property
    def held(self) -> str:
        """Why the set must not expire, '' when it may."""
        return self.record.held if self.record else ""


class BackupCatalogue:
    """The sets below one folder. Open it with ``with``; change it inside ``exclusive()``."""

    def __init__(self, root: str, *, make: bool = False) -> None:
        """Open the catalogue; ``make`` makes a missing folder. Raises CatalogueError."""
        self.root = root
        try:
            self.folder = Folder.private(root, make=make)
        except OSError as error:
            raise CatalogueError(f"'{root}' cannot be used: {reason_of(error)}") from error

    def __enter__(self) -> BackupCatalogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.close()

    @contextlib.contextmanager
    def exclusive(self, seconds: float) -> Iterator[None]:
        """Hold the lock of the catalogue; raises CatalogueError after ``seconds``."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(f"{self.root}/{_LOCK}", seconds))
            except TimeoutError as error:
                raise CatalogueError("another backup or verification is under way") from error
            except OSError as error:
                raise CatalogueError(f"the lock cannot be taken: {reason_of(error)}") from error
            yield

    def sets(self) -> list[BackupSet]:
        """Return the published sets, the oldest first; raises OSError."""
        found = []
        for name in self.folder.names():
            if manifests.is_set_name(name):
                with contextlib.suppress(KeyError):  # it was just deleted by another run
                    found.append(self.set(name))

        return found

    def set(self, name: str) -> BackupSet:
        """Return one set. What is wrong with it is its ``problem``; raises KeyError for no set."""
        created = manifests.moment_of(name)
        if created is None or not self.folder.has(name):
            raise KeyError(name)
        try:
            record = records.load(self.root, name)
        except StateFileError as error:
            return BackupSet(name, created, None, None, str(error), is_unread=True)
        try:
            data = self._manifest_bytes(name)
            manifest = manifests.load(data, name)
        except OSError as error:
            problem = f"its manifest cannot be read: {reason_of(error)}"
            missing = isinstance(error, FileNotFoundError)
            return BackupSet(name, created, None, record, problem, is_unread=not missing)
        except ManifestError as error:
            problem = f"its manifest is not usable: {error}"
            unknown = isinstance(error, UnknownFormatError)
            return BackupSet(name, created, None, record, problem, is_unread=unknown)

        if record and record.manifest_sha256 != hashlib.sha256(data).hexdigest():
            problem = "its manifest is not the one that was published"
            return BackupSet(name, created, None, record, problem)

        return BackupSet(name, created, manifest, record)

    def newest_verified(self, artefacts: Collection[str] = ()) -> BackupSet | None:
        """Return the newest set that was found good and has these artefacts, None without any."""
        return newest_verified(self.sets(), artefacts)

    def open_file(self, name: str, file: SetFile) -> t.BinaryIO:
        """Return a file of a set, open for reading; raises OSError."""
        artefact, _, base = file.path.partition("/")
        with self.folder.enter(name) as one, one.enter(artefact) as folder:
            return folder.read(base)

    def paths_in(self, name: str) -> dict[str, int]:
        """Return the files that a set really has, its manifest aside, with their sizes."""
        with self.folder.enter(name) as one:
            return {
                path: status.st_size for path, status in one.files() if path != manifests.FILE_NAME
            }

    def begin(self, name: str) -> Folder:
        """Return the hidden folder in which a set is made; raises OSError."""
        return self.folder.make(f"{_MAKING}{name}")

    def publish(
        self, making: Folder, manifest: BackupManifest, record: SetRecord | None = None
    ) -> None:
        """Write the manifest, have all on disk, write the record, and give the set its name.

        Raises OSError, StateFileError, CatalogueError when the name is taken.
        """
        if self.folder.has(manifest.name):
            raise CatalogueError(f"there is already a set {manifest.name}")

        data = manifests.dump(manifest)
        with making.create(manifests.FILE_NAME) as stream:
            _write_all(stream, data)
        making.sync_all()

        known = record or SetRecord("")
        digest = hashlib.sha256(data).hexdigest()
        records.save(self.root, manifest.name, known.changed(manifest_sha256=digest))
        self.folder.rename(f"{_MAKING}{manifest.name}", manifest.name)

    def save_record(self, name: str, record: SetRecord) -> None:
        """Replace what is known of a set; raises StateFileError."""
        records.save(self.root, name, record)

    def adopt(self, name: str) -> SetRecord:
        """Return the first record for a set that came without one; raises OSError."""
        return SetRecord(hashlib.sha256(self._manifest_bytes(name)).hexdigest())

    def delete(self, name: str) -> None:
        """Delete a set; it is renamed first, so that a half deleted one is not taken for a set."""
        hidden = f"{_MAKING}{name}"
        self.folder.remove(hidden)
        self.folder.rename(name, hidden)
        self.folder.remove(hidden)
        unlink_beneath(f"{self.root}/{records.FOLDER}/{name}.json", self.root)

    def leftovers(self) -> list[str]:
        """Return the folders that a run left which was killed; inside ``exclusive()`` only."""
        return [
            name
            for name in self.folder.names()
            if name.startswith(_MAKING) and manifests.is_set_name(name[len(_MAKING) :])
        ]

    def clear_leftovers(self) -> list[str]:
        """Delete what a killed run left, records without a set included; return the names."""
        found = self.leftovers()
        for name in found:
            self.folder.remove(name)

        if self.folder.has(records.FOLDER):
            with self.folder.enter(records.FOLDER) as folder:
                for name in folder.names():
                    owner = name.removesuffix(".json")
                    if manifests.is_set_name(owner) and not self.folder.has(owner):
                        folder.remove(name)

        return found

    def _manifest_bytes(self, name: str) -> bytes:
        with self.folder.enter(name) as folder, folder.read(manifests.FILE_NAME) as stream:
            return stream.read(manifests.MAX_BYTES)


def newest_verified(sets: Sequence[BackupSet], artefacts: Collection[str] = ()) -> BackupSet | None:
    """Return the newest set that was found good and has these artefacts, None without any."""
    wanted = frozenset(artefacts)

    return next(
        (one for one in reversed(sets) if one.is_verified and wanted <= one.artefacts), None
    )


def _write_all(stream: t.BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]
