# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kept models of a host: each in a folder of its own that is complete or does not count."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import typing as t
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from ..base import state_file
from ..base.files import open_regular
from ..base.folders import Folder
from ..base.state_file import StateFileError
from .copies import Mark, ModelDigest, ModelFiles, UpdateError, copy_into, digest_of, serving_folder
from .settings import UpdatedModel

_FORMAT: t.Final = 1
_FACTS: t.Final = "version.json"
_MODEL: t.Final = "model"
_METADATA: t.Final = "metadata"
#: An update that is not confirmed yet.
SWITCHING: t.Final = "switching.json"
#: The same once the host has taken it back by itself.
UNDONE: t.Final = "undone.json"
#: Which version served before each model, by the model's checksum.
SERVED_BEFORE: t.Final = "before.json"
#: What the unit that goes back makes on its way: a model, and its metadata.
GOING_BACK: t.Final = ("back.model", "back.metadata")
#: The candidate of a call, as it was checked.
BROUGHT: t.Final = "brought"
#: In its folder: what it was measured beside.
_MEASURED: t.Final = "measured.json"
#: Folder of what served before trainings.
SET_ASIDE: t.Final = "training"
#: What is in the folder and is no version.
_OTHERS: t.Final = (
    SWITCHING,
    SERVED_BEFORE,
    UNDONE,
    "refused",
    "candidate",
    SET_ASIDE,
    BROUGHT,
    *GOING_BACK,
)


@dataclass(frozen=True)
class KeptVersion:
    """A model that served; ``id`` begins with the time (UTC) at which it was kept."""

    id: str
    digest: ModelDigest
    mark: Mark
    has_metadata: bool


class Versions:
    """The versions of one model, in a folder for root alone."""

    def __init__(self, model: UpdatedModel) -> None:
        self.model = model
        self.path = model.kept

    def folder(self) -> Folder:
        """Return the folder, made where there is none; raises OSError."""
        with Folder.owned(self.model.versions.rpartition("/")[0] or "/", make=True):
            return Folder.private(self.path, make=True)

    def all(self) -> list[KeptVersion]:
        """Return the complete versions, the oldest first; raises OSError."""
        try:
            with Folder.private(self.path) as folder:
                names = [name for name in folder.names() if name not in _OTHERS]
        except FileNotFoundError:
            return []

        return [version for name in names if (version := self._read(name))]

    def files(self, version: KeptVersion) -> ModelFiles:
        """Return where the files of a version are."""
        place = f"{self.path}/{version.id}"
        metadata = f"{place}/{_METADATA}" if version.has_metadata else ""

        return ModelFiles(f"{place}/{_MODEL}", metadata, version.digest)

    def require_intact(self, version: KeptVersion) -> None:
        """Raise UpdateError for a version that is not what was kept."""
        try:
            with open_regular(self.files(version).path) as stream:
                found = digest_of(stream)
        except OSError as error:
            raise UpdateError(f"version {version.id} cannot be read: {error}") from error
        if found != version.digest:
            raise UpdateError(f"version {version.id} is damaged: its checksum is another one")

    def keep(self, mark: Mark, approved: str = "", now: dt.datetime | None = None) -> KeptVersion:
        """Keep what serves and return its version; raises OSError, UpdateError.

        What is kept already is not kept again, and nothing is overwritten. With the checksum
        ``approved`` nothing else is kept: it would be a way back.
        """
        with serving_folder(self.model) as serving, self.folder() as folder:
            with serving.read(self.model.file) as stream:
                digest = digest_of(stream)
            if approved and digest.sha256 != approved:
                raise UpdateError(
                    f"'{self.model.path}' changed while the candidate was measured; find out who"
                    " changed it before it is replaced"
                )
            if known := self._intact_with(digest):
                return known

            return self._copied(serving, folder, mark, digest, now)

    def set_aside(self, mark: Mark, now: dt.datetime | None = None) -> ModelFiles:
        """Copy what serves, with its metadata, to a dated folder; raises OSError, UpdateError.

        Nobody approved it by that, so it is no version to go back to. The oldest beyond
        ``keep`` go.
        """
        with serving_folder(self.model) as serving, self.folder() as folder:
            with serving.read(self.model.file) as stream:
                digest = digest_of(stream)
            with contextlib.suppress(FileExistsError):
                folder.make(SET_ASIDE).close()
            with folder.enter(SET_ASIDE) as place:
                copied = self._copied(serving, place, mark, digest, now)
                for name in place.names()[: -self.model.keep]:
                    place.remove(name)

        path = f"{self.path}/{SET_ASIDE}/{copied.id}"
        metadata = f"{path}/{_METADATA}" if copied.has_metadata else ""

        return ModelFiles(f"{path}/{_MODEL}", metadata, digest)

    def _copied(
        self,
        serving: Folder,
        folder: Folder,
        mark: Mark,
        digest: ModelDigest,
        now: dt.datetime | None,
    ) -> KeptVersion:
        moment = f"{now or dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
        name = _free_name(folder, f"{moment}-{digest.sha256[:12]}")
        with folder.make(name) as place:
            with serving.read(self.model.file) as stream:
                copied = copy_into(place, _MODEL, stream, None)
            if copied != digest:
                folder.remove(name)
                raise UpdateError(f"'{self.model.path}' changed while it was copied")
            version = KeptVersion(name, digest, mark, self._keep_metadata(serving, place))
            state_file.save(f"{folder.path}/{name}/{_FACTS}", _FORMAT, asdict(version))
            place.sync()
        folder.sync()

        return version

    def prune(self, most: int, spared: Collection[str]) -> list[str]:
        """Delete the oldest versions beyond ``most``, but none of the spared; return their ids."""
        removable = [version.id for version in self.all() if version.id not in spared]
        gone = removable[: max(len(removable) + len(set(spared)) - most, 0)]
        with self.folder() as folder:
            for name in gone:
                folder.remove(name)

        return gone

    def begin(self, previous: KeptVersion, sha256: str) -> None:
        """Note that a model is about to serve that is not confirmed yet, and what served before."""
        known = {version.digest.sha256 for version in self.all()}
        before = {of: name for of, name in self.served_before().items() if of in known}
        state_file.save(f"{self.path}/{SERVED_BEFORE}", _FORMAT, {**before, sha256: previous.id})
        state_file.save(
            f"{self.path}/{SWITCHING}", _FORMAT, {"previous": previous.id, "sha256": sha256}
        )

    def served_before(self) -> Mapping[str, t.Any]:
        """Return which version served before each model, nothing where that cannot be read."""
        try:
            return state_file.load(f"{self.path}/{SERVED_BEFORE}", _FORMAT) or {}
        except StateFileError:  # nothing but an order is lost
            return {}

    def pending(self) -> Mapping[str, t.Any] | None:
        """Return the update that was begun and not ended; raises StateFileError."""
        return state_file.load(f"{self.path}/{SWITCHING}", _FORMAT)

    def undone(self) -> str:
        """Return to which version the host went back by itself, '' when nobody knows of that."""
        note: Mapping[str, t.Any] | None = None
        with contextlib.suppress(StateFileError):  # it only tells what is over
            note = state_file.load(f"{self.path}/{UNDONE}", _FORMAT)

        return str((note or {}).get("previous", ""))

    def end(self) -> None:
        """Note that an update is confirmed, or taken back."""
        with self.folder() as folder:
            for name in (SWITCHING, UNDONE, *GOING_BACK):
                folder.remove(name)
            folder.sync()

    def bring(self, candidate: t.BinaryIO, metadata: t.BinaryIO | None, sha256: str) -> ModelFiles:
        """Copy a candidate to where root alone can change it, and return the copy.

        What is read is hashed on the way, so what was checked is what is used. Raises OSError,
        UpdateError for another checksum.
        """
        place = f"{self.path}/{BROUGHT}"
        with self.folder() as folder:
            folder.remove(BROUGHT)
            with folder.make(BROUGHT) as brought:
                with brought.create(_MODEL) as made:
                    digest = digest_of(candidate, made)
                if digest.sha256 != sha256:
                    raise UpdateError(
                        f"the candidate has the checksum {digest.sha256[:12]}..., not"
                        f" {sha256[:12]}...; it was cut short or changed on the way: send it again"
                    )
                if metadata:
                    with brought.create(_METADATA) as made:
                        digest_of(metadata, made)

        return ModelFiles(f"{place}/{_MODEL}", f"{place}/{_METADATA}" if metadata else "", digest)

    def note_measured(self, files: ModelFiles, serving: str) -> None:
        """Note that a candidate was measured beside the model with this checksum."""
        facts = {
            "digest": asdict(files.digest),
            "has_metadata": bool(files.metadata),
            "serving": serving,
        }
        state_file.save(f"{self.path}/{BROUGHT}/{_MEASURED}", _FORMAT, facts)

    def measured(self, sha256: str, serving: str) -> ModelFiles | None:
        """Return a candidate that was measured beside what serves, None when there is none.

        Raises OSError, StateFileError.
        """
        place = f"{self.path}/{BROUGHT}"
        facts = state_file.load(f"{place}/{_MEASURED}", _FORMAT)
        if facts is None or (facts["digest"]["sha256"], facts["serving"]) != (sha256, serving):
            return None

        metadata = f"{place}/{_METADATA}" if facts["has_metadata"] else ""

        return ModelFiles(f"{place}/{_MODEL}", metadata, ModelDigest(**facts["digest"]))

    def forget_brought(self) -> None:
        """Delete the copy of a candidate; errors and a missing copy are ignored."""
        with contextlib.suppress(OSError), Folder.private(self.path) as folder:
            folder.remove(BROUGHT)

    def put_evidence(self, sha256: str, evidence: Mapping[str, t.Any]) -> str:
        """Keep why a candidate was refused; return the path."""
        path = f"{self.path}/refused/{sha256[:12]}.json"
        with self.folder() as folder, contextlib.suppress(FileExistsError):
            folder.make("refused").close()
        state_file.save(path, _FORMAT, evidence)

        return path

    def _keep_metadata(self, serving: Folder, place: Folder) -> bool:
        metadata = self.model.metadata
        if not metadata or not serving.has(metadata.name):
            return False
        with serving.read(metadata.name) as stream:
            copy_into(place, _METADATA, stream, None)

        return True

    def _intact_with(self, digest: ModelDigest) -> KeptVersion | None:
        for version in self.all():
            if version.digest == digest:
                with contextlib.suppress(UpdateError):
                    self.require_intact(version)
                    return version

        return None

    def _read(self, name: str) -> KeptVersion | None:
        """Return a version that is complete, None for others."""
        try:
            facts = state_file.load(f"{self.path}/{name}/{_FACTS}", _FORMAT)
            if facts is None:
                return None
            return KeptVersion(
                name,
                ModelDigest(**facts["digest"]),
                Mark(**facts["mark"]),
                bool(facts["has_metadata"]),
            )
        except (StateFileError, KeyError, TypeError):
            return None


def _free_name(folder: Folder, name: str) -> str:
    taken, number = name, 1
    while folder.has(taken):
        number += 1
        taken = f"{name}-{number}"

    return taken


def way_back(versions: Versions, sha256: str) -> KeptVersion | None:
    """Return the version that served before the model with this checksum.

    Where that is not known or not kept, the newest with another checksum; None when there is none.
    """
    others = [version for version in versions.all() if version.digest.sha256 != sha256]
    before = versions.served_before().get(sha256)
    served = [version for version in others if version.id == before]

    return next(iter([*served, *reversed(others)]), None)


def named(versions: Versions, name: str) -> KeptVersion:
    """Return a version by its id; raises UpdateError."""
    known = versions.all()
    for version in known:
        if version.id == name:
            return version

    ids = ", ".join(version.id for version in known[-5:]) or "none"
    raise UpdateError(f"there is no version {os.fspath(name)!r}; kept are {ids}")
