# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making one set: its artefacts one after the other, each verified before the set gets its name."""

from __future__ import annotations

import os
import platform
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.folders import Folder
from ..base.memory_files import MemoryFolder
from . import manifest as manifests
from .artefacts import KINDS
from .artefacts.kind import ArtefactError, ArtefactFolder, OpenFile, Workplace
from .catalogue import BackupCatalogue
from .encryption import encrypted
from .hashing import hash_of
from .manifest import Artefact, BackupManifest, SetFile
from .record import SetRecord
from .settings import ArtefactSettings, BackupSettings
from .verify import FAILURES, artefact_problems

#: The fact with the size before compression, and the kinds that are judged by it.
RAW_BYTES: t.Final = "raw_bytes"
_TEXTS: t.Final = ("files", "command", "journal")

Clock = t.Callable[[], datetime]


@dataclass(frozen=True)
class ArtefactFailure:
    """An artefact that could not be made; the message says why."""

    name: str
    message: str
    requirements: tuple[str, ...] = ()


def utc_now() -> datetime:
    """Return the moment, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def make_set(
    catalogue: BackupCatalogue, settings: BackupSettings, deadline: Deadline, clock: Clock
) -> BackupManifest | list[ArtefactFailure]:
    """Make, verify and publish a set, or return what failed: a set is whole or is not published.

    Raises CatalogueError, OSError, StateFileError for what hits the set as a whole.
    """
    created = manifests.moment_of(settings.set) or clock()
    while catalogue.folder.has(manifests.set_name(created)):
        created += timedelta(seconds=1)  # two runs in one second, or the clock jumped back
    name = manifests.set_name(created)
    made: list[Artefact] = []
    failures: list[ArtefactFailure] = []

    with catalogue.begin(name) as making:
        for artefact in settings.artefacts:
            outcome = _make_artefact(making, artefact, settings, deadline)
            if isinstance(outcome, Artefact):
                made.append(outcome)
            else:
                failures.append(outcome)

        if failures:
            catalogue.clear_leftovers()
            return failures

        finished = clock()
        manifest = BackupManifest(
            name=name,
            system=settings.system,
            host=platform.node(),
            reason=settings.reason,
            created=created,
            finished=finished,
            source=_source(),
            artefacts=tuple(made),
        )
        read = {file.path: finished for file in manifest.files}
        catalogue.publish(making, manifest, SetRecord("", read, (), finished, settings.hold))

    return manifest


def _make_artefact(
    making: Folder, one: ArtefactSettings, settings: BackupSettings, deadline: Deadline
) -> Artefact | ArtefactFailure:
    """Make one artefact and read all of it again, as a later verification does."""
    try:
        with making.make(one.name) as folder:
            if not one.encrypt:
                return _made_artefact(folder, one, settings.staging, deadline)
            with MemoryFolder() as hidden:
                plain = _made_artefact(hidden, one, settings.staging, deadline)
                limit = deadline.part(one.max_seconds)
                artefact = encrypted(plain, hidden, folder, settings.recipient, limit)
            _require_sound(artefact, folder, Workplace(limit, settings.staging))
            return artefact
    except FAILURES as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        return ArtefactFailure(one.name, reason, one.requirements)


def _made_artefact(
    folder: ArtefactFolder, one: ArtefactSettings, staging: str, deadline: Deadline
) -> Artefact:
    """Make the files of an artefact and read all of them again; raises one of FAILURES."""
    place = Workplace(deadline.part(one.max_seconds), staging)
    made = KINDS[one.kind].make(one.source, folder, place)
    artefact = Artefact(
        name=one.name,
        kind=one.kind,
        files=_files_of(folder, one.name, place.deadline),
        facts=made.facts,
        stages=made.stages,
        requirements=one.requirements,
    )
    _require_sound(artefact, folder, Workplace(deadline.part(one.max_seconds), staging))

    return artefact


def _require_sound(artefact: Artefact, folder: ArtefactFolder, place: Workplace) -> None:
    """Raise ArtefactError unless an artefact is what was made."""
    if problems := artefact_problems(artefact, _opener(folder), place):
        raise ArtefactError("; ".join(problems))


def _files_of(folder: ArtefactFolder, artefact: str, deadline: Deadline) -> tuple[SetFile, ...]:
    files: list[SetFile] = []
    for name in folder.names():
        with folder.read(name) as stream:
            size, digest = hash_of(stream, deadline)
        files.append(SetFile(f"{artefact}/{name}", size, digest))

    return tuple(files)


def _opener(folder: ArtefactFolder) -> OpenFile:
    return lambda file: folder.read(file.path.partition("/")[2])


def _source() -> dict[str, str]:
    """Return what the host runs: a restore elsewhere may sort text in another way."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""

    return {
        "kernel": platform.release(),
        "os": _os_name(),
        "libc": libc,
        "python": platform.python_version(),
    }


def _os_name() -> str:
    try:
        return str(platform.freedesktop_os_release().get("PRETTY_NAME", ""))
    except OSError:
        return ""


def shrunk(manifest: BackupManifest, before: BackupManifest, percent: float) -> Sequence[str]:
    """Return a sentence for each artefact that is smaller than before by more than ``percent``."""
    found = []
    for artefact in manifest.artefacts:
        known = before.artefact(artefact.name)
        size, was = _size(artefact), _size(known) if known else 0
        if size < was * (1 - percent / 100):
            found.append(f"{artefact.name} has {size} bytes; it had {was}")

    return found


def _size(artefact: Artefact) -> int:
    """Return how much there is, bytes: before compression where that says it.

    Small text packs to twice as much or half of it by mere chance. A database is better judged by
    what it packs to: its file does not shrink with its rows.
    """
    if artefact.kind in _TEXTS and RAW_BYTES in artefact.facts:
        return int(artefact.facts[RAW_BYTES])

    return sum(file.bytes for file in artefact.files)
