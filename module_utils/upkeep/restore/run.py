# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The call that restores: beside what is there, compared, and only then in its place.

When anything goes wrong before or while things are replaced, all is as before: what was replaced
gets its name again, what stands beside it is removed, and the services are started.
"""

from __future__ import annotations

import os
import platform
import tarfile
import time
import typing as t
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ..backup.artefacts.kind import ArtefactError, Workplace
from ..backup.catalogue import BackupCatalogue, BackupSet, CatalogueError
from ..backup.making import Clock, utc_now
from ..backup.manifest import Artefact, SetFile
from ..backup.programs import ProgramError
from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.isolated import IsolatedError
from ..base.kernel import read_kernel
from ..base.state_file import StateFileError
from ..base.text import limit_text
from ..base.unpacking import UnpackingError
from ..findings import Finding
from . import findings as found_by
from . import last_rehearsals, units
from .choose import (
    ChosenSet,
    NotPutBackError,
    RestoreError,
    choose_artefacts,
    choose_set,
    require_bytes,
)
from .sealed import SealedArtefact, unsealed
from .settings import RestoreSettings
from .space import require_space
from .targets import KINDS
from .targets.files import FilesTarget
from .targets.table import TableTarget
from .targets.target import Target, TargetPlan, TargetWork

#: Seconds to wait for another run on the same catalogue.
LOCK_SECONDS: t.Final = 60.0
#: Seconds that a run has beyond its time to put things back and say so.
GRACE: t.Final = 120.0
_LONGEST: t.Final = 600
_FAILURES: t.Final = (
    ArtefactError, CatalogueError, IsolatedError, ProgramError, StateFileError, TimeoutError,
    UnpackingError, tarfile.TarError, OSError, KeyError, TypeError, ValueError,
)  # fmt: skip

Answer = dict[str, t.Any]


class _Step(t.NamedTuple):
    """An artefact with its target and what is planned for it."""

    artefact: Artefact
    target: Target
    plan: TargetPlan
    work: TargetWork


def run(settings: RestoreSettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Return what was done, or in check mode would be, and what was found; raises RestoreError."""
    deadline = Deadline(settings.max_seconds)
    if settings.action == "list" and not Path(settings.root).is_dir():
        return _answer(False, [])

    try:
        with BackupCatalogue(settings.root) as catalogue:
            if settings.action == "list":
                return _answer(False, catalogue.sets())
            with catalogue.exclusive(min(LOCK_SECONDS, deadline.left)):
                return _restore(catalogue, settings, deadline, check_mode, clock())
    except RestoreError as error:
        raise RestoreError(limit_text(str(error), _LONGEST)) from error
    except _FAILURES as error:
        raise RestoreError(f"nothing was replaced: {_reason(error)}") from error


def came_in_file() -> bool:
    """Return whether this module was started from a file, which holds its options, on the host."""
    return "AnsiballZ_" in read_kernel("/proc/self/cmdline")


def _restore(
    catalogue: BackupCatalogue,
    settings: RestoreSettings,
    deadline: Deadline,
    check_mode: bool,
    now: datetime,
) -> Answer:
    started = time.monotonic()
    sets = catalogue.sets()
    chosen = choose_set(catalogue, settings.set, now, settings.artefacts)
    has_key = bool(settings.age_identity)
    artefacts = choose_artefacts(chosen.manifest, settings.artefacts, has_key=has_key)
    steps = _steps(catalogue, chosen, artefacts, settings, deadline, now)
    stopped = units.meant_to_run(settings.units, deadline) if settings.units else []
    needs = require_space([step.plan for step in steps], settings.free_percent)
    if check_mode:
        found = _planned_findings(chosen, steps, settings)
        return {**_answer(True, sets, chosen), "needs_bytes": needs, "findings": found}

    with_time = time.monotonic()
    place = Workplace(deadline.part(settings.artefact_seconds), settings.staging)
    require_bytes(catalogue, chosen, artefacts, place)
    seconds = {"verify": round(time.monotonic() - with_time, 3)}
    results = _prepare(steps)
    kept: dict[str, list[str]] = {}
    down = 0.0
    problems: list[str] = []
    notes: dict[str, str] = {}
    if settings.action == "replace":
        kept, down, problems = _replace(steps, stopped, deadline)
        notes = {step.artefact.name: _finish(step) for step in steps}

    whole = round(time.monotonic() - started, 3)
    found = found_by.left_out(chosen, settings)
    found += found_by.libc(chosen, _libc(), settings.requirements)
    found += [
        found_by.restored(
            step.artefact,
            results[step.artefact.name],
            step.target.side_names() if settings.action == "side" else (),
            kept.get(step.artefact.name, ()),
            notes.get(step.artefact.name, ""),
            settings,
        )
        for step in steps
    ]
    found += found_by.times(chosen, whole, down, problems, settings)

    return {
        **_answer(True, sets, chosen),
        "needs_bytes": needs,
        "kept": kept,
        "restarted": stopped if settings.action == "replace" else [],
        "seconds": {**seconds, **_phases(steps), "down": round(down, 3), "whole": whole},
        "findings": found,
    }


def _planned_findings(
    chosen: ChosenSet, steps: Sequence[_Step], settings: RestoreSettings
) -> list[Finding]:
    """Return what a restore would do, and how long that takes as far as that is known."""
    try:
        known = last_rehearsals.load(settings.state_file, settings.system)
    except (StateFileError, TypeError, AttributeError):
        known = last_rehearsals.LastRehearsals()  # a damaged file must not keep anybody from this
    plans = [(step.artefact, step.plan) for step in steps]

    return [
        *found_by.planned(chosen, plans, known, settings),
        *found_by.left_out(chosen, settings),
        *found_by.libc(chosen, _libc(), settings.requirements),
    ]


def _steps(
    catalogue: BackupCatalogue,
    chosen: ChosenSet,
    artefacts: Sequence[Artefact],
    settings: RestoreSettings,
    deadline: Deadline,
    now: datetime,
) -> list[_Step]:
    """Return the targets with their plans; raises RestoreError when one cannot be restored."""
    name = chosen.one.name

    def open_file(file: SetFile) -> t.BinaryIO:
        return catalogue.open_file(name, file)

    found = []
    for artefact in _asked(artefacts, settings):
        limit = deadline.part(settings.artefact_seconds)
        plain = SealedArtefact(artefact, open_file)
        if settings.age_identity:
            plain = unsealed(artefact, open_file, settings.age_identity, limit)
        work = TargetWork(*plain, settings, now.strftime("%Y%m%dt%H%M%S"), limit)
        target = _target(work)
        if not (isinstance(target, FilesTarget) and not target.paths):
            found.append(_Step(artefact, target, _planned(target, artefact), work))

    if not found:
        raise RestoreError(f"the set {name} has nothing of what is to be restored")

    return found


def _planned(target: Target, artefact: Artefact) -> TargetPlan:
    try:
        return target.plan()
    except RestoreError as error:
        raise RestoreError(f"{artefact.name}: {error}") from error


def _asked(artefacts: Sequence[Artefact], settings: RestoreSettings) -> list[Artefact]:
    """Return the artefacts that one table, or some paths, can be in; raises RestoreError."""
    if settings.paths:
        return [one for one in artefacts if one.kind == "files"]
    if settings.table is None:
        return list(artefacts)

    schema, table = settings.table
    having = [
        one
        for one in artefacts
        if one.kind == "postgresql"
        and any((e["schema"], e["name"]) == settings.table for e in one.facts["tables"])
    ]
    if len(having) != 1:
        raise RestoreError(
            f"{len(having)} of the databases in the set have a table {schema}.{table};"
            " name the artefact with it"
        )

    return having


def _target(work: TargetWork) -> Target:
    if work.artefact.kind not in KINDS:
        raise RestoreError(
            f"{work.artefact.name}: this version does not restore the kind {work.artefact.kind!r}"
        )
    if work.settings.table:
        return TableTarget(work)

    return KINDS[work.artefact.kind](work)


def _prepare(steps: Sequence[_Step]) -> dict[str, str]:
    """Restore all beside what is there, and return what was found; raises RestoreError."""
    results = {}
    begun: list[_Step] = []
    try:
        for step in steps:
            begun.append(step)
            started = time.monotonic()
            results[step.artefact.name] = step.target.prepare()
            step.work.seconds["prepare"] = round(time.monotonic() - started, 3)
    except (RestoreError, *_FAILURES) as error:
        left = _discard(begun)
        raise RestoreError(
            f"nothing was replaced: {begun[-1].artefact.name}: {_reason(error)}{left}"
        ) from error

    return results


def _replace(
    steps: Sequence[_Step], stopped: Sequence[str], deadline: Deadline
) -> tuple[dict[str, list[str]], float, list[str]]:
    """Replace all; return the names of what is kept, how long services were down, and problems."""
    kept: dict[str, list[str]] = {}
    done: list[_Step] = []
    began = time.monotonic()
    try:
        units.stop(stopped, deadline)
        for step in steps:
            kept[step.artefact.name] = step.target.replace()
            done.append(step)
    except (RestoreError, *_FAILURES) as error:
        back = _put_back(done)
        is_as_before = not back and not isinstance(error, NotPutBackError)
        problems = units.start(stopped, Deadline(GRACE / 2))
        left = _discard(steps) if is_as_before else ""
        also = "".join(f"; {text}" for text in (*back, *problems))
        state = "all is as it was before" if is_as_before else "not all is as it was before"
        raise RestoreError(f"{state}: {_reason(error)}{also}{left}") from error

    problems = units.start(stopped, Deadline(max(deadline.left, GRACE / 2)))

    return kept, time.monotonic() - began, problems


def _finish(step: _Step) -> str:
    """Tidy up after all was replaced, and return a note; what fails now undoes nothing."""
    try:
        return step.target.finish()
    except (RestoreError, *_FAILURES) as error:
        return f"what was made beside it is left: {_reason(error)}"


def _put_back(done: list[_Step]) -> list[str]:
    """Undo what was replaced, the last first; return what could not be undone."""
    problems = []
    for step in reversed(done):
        try:
            step.target.put_back()
        except (RestoreError, *_FAILURES) as error:
            problems.append(f"{step.artefact.name} was replaced and stays so: {_reason(error)}")

    return problems


def _discard(steps: Sequence[_Step]) -> str:
    """Remove what stands beside the live things; return what could not be removed."""
    left = ""
    for step in steps:
        try:
            step.target.discard()
        except (RestoreError, *_FAILURES) as error:
            left += f"; what was made for {step.artefact.name} is left: {_reason(error)}"

    return left


def _phases(steps: Sequence[_Step]) -> dict[str, float]:
    """Return how long each phase of each artefact took."""
    return {
        f"{step.artefact.name}.{phase}": seconds
        for step in steps
        for phase, seconds in step.work.seconds.items()
    }


def _answer(changed: bool, sets: Sequence[BackupSet], chosen: ChosenSet | None = None) -> Answer:
    return {
        "changed": changed,
        "set": chosen.one.name if chosen else "",
        "sets": [_listed(one) for one in sets],
        "findings": [],
        "kept": {},
        "restarted": [],
        "seconds": {},
        "needs_bytes": {},
    }


def _listed(one: BackupSet) -> dict[str, t.Any]:
    artefacts = one.manifest.artefacts if one.manifest else ()

    return {
        "name": one.name,
        "bytes": one.manifest.bytes if one.manifest else None,
        "is_verified": one.is_verified,
        "problem": one.problem,
        "artefacts": {artefact.name: artefact.kind for artefact in artefacts},
    }


def _libc() -> str:
    """Return the libc of this host, as manifests name it."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return platform.libc_ver()[0]


def _reason(error: BaseException) -> str:
    if isinstance(error, RestoreError):
        return str(error).removeprefix("nothing was replaced: ")
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        name = f"'{error.filename}' " if error.filename else ""
        return f"{name}{reason_of(error)}"
    if isinstance(error, KeyError | TypeError | ValueError):
        return f"its entry in the manifest is incomplete ({type(error).__name__}: {error})"

    return str(error)
