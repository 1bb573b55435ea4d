# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifying a set: names and sizes, then every byte against its hash, then what the bytes mean."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.isolated import IsolatedError
from ..base.text import list_some, visible
from .artefacts import KINDS
from .artefacts.kind import ArtefactError, OpenFile, UnfinishedError, Workplace
from .catalogue import BackupCatalogue, BackupSet
from .encryption import form_problem
from .hashing import hash_of
from .manifest import Artefact, BackupManifest, SetFile
from .programs import ProgramError, ProgramMissingError
from .record import SetRecord

#: What a damaged file can raise while it is read.
FAILURES: t.Final = (ArtefactError, ProgramError, IsolatedError, TimeoutError, OSError)


def verify_set(
    catalogue: BackupCatalogue,
    one: BackupSet,
    place: Callable[[], Workplace],
    due_before: datetime,
    now: datetime,
) -> SetRecord:
    """Return what is known of a set after what is due of it was read.

    A file is due when it was never read to its end, or not since ``due_before``, or later than now,
    as after the clock was set back. ``place`` gives each artefact its time. Where nothing was due,
    nothing but a new problem changes. Raises OSError, UnfinishedError when the set could not be
    looked at.
    """
    if one.manifest is None:
        known = one.record or SetRecord("")
        return known.changed(problems=(one.problem,))

    known = one.record or catalogue.adopt(one.name)
    problems = layout_problems(one.manifest, catalogue.paths_in(one.name))
    read = {
        path: moment for path, moment in known.read.items() if path in _paths(one.manifest.files)
    }
    anything = False

    for artefact in one.manifest.artefacts:
        due = [file for file in artefact.files if _is_due(read.get(file.path), due_before, now)]
        if not due and not known.problems:
            continue
        anything = True
        found = artefact_problems(
            artefact, lambda file: catalogue.open_file(one.name, file), place()
        )
        problems += found
        paths = _paths(artefact.files)
        read = {path: moment for path, moment in read.items() if path not in paths}
        read |= {} if found else dict.fromkeys(paths, now)

    was_seen = anything or known.verified is None
    verified = now if was_seen and not problems else known.verified

    return known.changed(read=read, problems=tuple(problems), verified=verified)


def _is_due(read: datetime | None, due_before: datetime, now: datetime) -> bool:
    return read is None or not due_before < read <= now


def layout_problems(manifest: BackupManifest, present: dict[str, int]) -> list[str]:
    """Return what is wrong with names and sizes, before anything is read."""
    problems = []
    for file in manifest.files:
        size = present.get(file.path)
        if size is None:
            problems.append(f"{file.path} is missing")
        elif size != file.bytes:
            problems.append(f"{file.path} has {size} bytes instead of {file.bytes}")

    if extra := sorted(set(present) - _paths(manifest.files)):
        problems.append(f"not in the manifest: {list_some([visible(path) for path in extra], 3)}")

    return problems


def artefact_problems(artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
    """Return what is wrong with the bytes of an artefact, and then with what they mean.

    Raises UnfinishedError when there was no time to see, or a program is missing.
    """
    try:
        problems = _hash_problems(artefact, open_file, place.deadline)
        if problems:
            return problems  # what is known to be damaged is not given to any parser
        if any(file.encryption for file in artefact.files):
            return _form_problems(artefact, open_file)  # what it means was read when it was made
        if artefact.kind not in KINDS:
            return [f"{artefact.name}: this version does not know the kind {artefact.kind!r}"]
        found = KINDS[artefact.kind].verify(artefact, open_file, place)
    except ProgramMissingError as error:
        raise UnfinishedError(f"{artefact.name}: {error}") from error
    except FAILURES as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        found = [reason]
    except (KeyError, TypeError, ValueError) as error:
        return [
            f"{artefact.name}: its entry in the manifest is incomplete ({type(error).__name__})"
        ]

    if found and place.deadline.is_over():
        seconds = place.deadline.seconds
        raise UnfinishedError(f"{artefact.name}: it could not be read within {seconds:g} s")

    return [f"{artefact.name}: {problem}" for problem in found]


def oldest_unread(one: BackupSet, now: datetime) -> timedelta | None:
    """Return since when a byte of the set was not read; None when some never was."""
    if one.manifest is None or one.record is None:
        return None
    moments = [one.record.read.get(file.path) for file in one.manifest.files]
    if any(moment is None for moment in moments):
        return None

    return now - min(moment for moment in moments if moment)


def _hash_problems(artefact: Artefact, open_file: OpenFile, deadline: Deadline) -> list[str]:
    problems = []
    for file in artefact.files:
        with open_file(file) as stream:
            size, digest = hash_of(stream, deadline)
        if size != file.bytes:
            problems.append(f"{file.path} has {size} bytes instead of {file.bytes}")
        elif digest != file.sha256:
            problems.append(f"{file.path} is not what was written: its sha256 differs")

    return problems


def _form_problems(artefact: Artefact, open_file: OpenFile) -> list[str]:
    problems = []
    for file in artefact.files:
        with open_file(file) as stream:
            problem = form_problem(stream, file, artefact.facts)
        problems += [f"{file.path}: {problem}"] if problem else []

    return problems


def _paths(files: Iterable[SetFile]) -> set[str]:
    return {file.path for file in files}
