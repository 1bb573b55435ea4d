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
from . import manifest as manifests
from .artefacts import KINDS
from .artefacts.kind import OpenFile, Workplace
from .catalogue import BackupCatalogue
from .manifest import Artefact, BackupManifest, SetFile
from .record import SetRecord
from .settings import ArtefactSettings, BackupSettings
from .verify import FAILURES, artefact_problems, hash_of

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
            outcome = _make_artefact(making, artefact, settings.staging, deadline)
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
    making: Folder, settings: ArtefactSettings, staging: str, deadline: Deadline
) -> Artefact | ArtefactFailure:
    """Make one artefact and read all of it again, as a later verification does."""
    kind = KINDS[settings.kind]
    try:
        place = Workplace(deadline.part(settings.max_seconds), staging)
        with making.make(settings.name) as folder:
            made = kind.make(settings.source, folder, place)
            files = _files_of(folder, settings.name, place.deadline)
            artefact = Artefact(
                name=settings.name,
                kind=settings.kind,
                files=files,
                facts=made.facts,
                stages=made.stages,
                requirements=settings.requirements,
            )
            place = Workplace(deadline.part(settings.max_seconds), staging)
            problems = artefact_problems(artefact, _opener(folder), place)
    except FAILURES as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        return ArtefactFailure(settings.name, reason, settings.requirements)

    if problems:
        return ArtefactFailure(settings.name, "; ".join(problems), settings.requirements)

    return artefact


def _files_of(folder: Folder, artefact: str, deadline: Deadline) -> tuple[SetFile, ...]:
    files: list[SetFile] = []
    for name in folder.names():
        with folder.read(name) as stream:
            size, digest = hash_of(stream, deadline)
        files.append(SetFile(f"{artefact}/{name}", size, digest))

    return tuple(files)


def _opener(folder: Folder) -> OpenFile:
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
    sizes = {one.name: _size(one) for one in before.artefacts}

    return [
        f"{one.name} has {_size(one)} bytes; it had {sizes[one.name]}"
        for one in manifest.artefacts
        if _size(one) < sizes.get(one.name, 0) * (1 - percent / 100)
    ]


def _size(artefact: Artefact) -> int:
    return sum(file.bytes for file in artefact.files)
