# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The call that rehearses when that is due, and says how long ago the last rehearsal passed."""

from __future__ import annotations

import tarfile
import time
import typing as t
from datetime import datetime, timedelta
from pathlib import Path

from ..backup.artefacts.kind import ArtefactError, Workplace
from ..backup.catalogue import BackupCatalogue, CatalogueError
from ..backup.making import Clock, utc_now
from ..backup.manifest import moment_text
from ..backup.programs import ProgramError
from ..base import isolated
from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.state_file import StateFileError
from ..findings import Finding
from ..postgresql.connection import DatabaseError, DriverMissingError, open_session
from . import last_rehearsals
from . import rehearsal_findings as found_by
from .choose import ChosenSet, RestoreError, choose_set
from .last_rehearsals import LastRehearsals
from .rehearsal import ArtefactRehearsal, OpenSet, rehearse
from .settings import RehearsalSettings
from .space import require_room

#: Seconds that a run has beyond its time to throw away what it made.
GRACE: t.Final = 60.0
_LOCK_SECONDS: t.Final = 60.0
_LOCK_MS: t.Final = 10_000
_FAILURES: t.Final = (
    ArtefactError, CatalogueError, isolated.IsolatedError, ProgramError, StateFileError,
    TimeoutError, tarfile.TarError, OSError, KeyError, TypeError, ValueError, RestoreError,
)  # fmt: skip

Answer = dict[str, t.Any]


def run(settings: RehearsalSettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Return how the rehearsal went, if one was due, and what was found; raises RestoreError."""
    deadline = Deadline(settings.max_seconds)
    try:
        known = last_rehearsals.load(settings.state_file, settings.system)
        now = clock()
        first = _first_set(settings)
        is_due = first is not None and _is_due(known, settings, now)
        found: list[Finding] = []
        phases: dict[str, float] = {}
        if is_due and settings.rehearse and not check_mode:
            known, phases, found = _rehearse(settings, known, deadline, clock)
            last_rehearsals.save(settings.state_file, settings.system, known)

        found.append(found_by.age(known.passed_at, first, known.problem, settings, clock()))
        found += _left_behind(settings, deadline)
    except _FAILURES as error:
        raise RestoreError(_reason(error)) from error

    return {
        "changed": bool(phases) or (check_mode and is_due and settings.rehearse),
        "due": is_due,
        "set": known.set if phases else "",
        "seconds": phases,
        "findings": found,
    }


def _is_due(known: LastRehearsals, settings: RehearsalSettings, now: datetime) -> bool:
    passed = known.passed_at
    if passed is None or known.problem:
        return True

    # From the future: the clock jumped back, and one too many harms nobody.
    return not timedelta(0) <= now - passed < timedelta(days=settings.due_days)


def _first_set(settings: RehearsalSettings) -> datetime | None:
    """Return when the oldest set was begun, None without any."""
    if not Path(settings.root).is_dir():
        return None
    with BackupCatalogue(settings.root) as catalogue:
        sets = catalogue.sets()

    return sets[0].created if sets else None


def _rehearse(
    settings: RehearsalSettings, known: LastRehearsals, deadline: Deadline, clock: Clock
) -> tuple[LastRehearsals, dict[str, float], list[Finding]]:
    """Rehearse all artefacts of a set; when one fails, the others are still rehearsed."""
    started = time.monotonic()
    with BackupCatalogue(settings.root) as catalogue:
        chosen = choose_set(catalogue, settings.set)
        _require_room(chosen, settings)
        with OpenSet(catalogue, chosen) as files:
            done = [
                _attempt(files, artefact, settings, deadline)
                for artefact in chosen.manifest.artefacts
            ]
        whole = round(time.monotonic() - started, 3)
        problems = [f"{one.artefact.name}: {one.problem}" for one in done if one.problem]
        now = clock()
        if not problems:
            _remember(catalogue, chosen, now)

    phases = {
        f"{one.artefact.name}.{name}": seconds
        for one in done
        for name, seconds in one.seconds.items()
    } | {"whole": whole}
    tried = moment_text(now)
    result = LastRehearsals(
        passed=known.passed if problems else tried,
        set=known.set if problems else chosen.one.name,
        seconds=known.seconds if problems else whole,
        tried=tried,
        problem="; ".join(problems)[:500],
        phases=phases,
    )

    return result, phases, found_by.rehearsed(chosen, done, whole, settings)


def _attempt(
    files: OpenSet, artefact: t.Any, settings: RehearsalSettings, deadline: Deadline
) -> ArtefactRehearsal:
    try:
        place = Workplace(deadline.part(settings.artefact_seconds), settings.staging)
        return rehearse(files, artefact, settings, place)
    except _FAILURES as error:
        return ArtefactRehearsal(artefact, _reason(error))


def _require_room(chosen: ChosenSet, settings: RehearsalSettings) -> None:
    """Raise RestoreError unless there is room for the largest database and its dump."""
    sizes = [
        2 * int(one.facts.get("database_bytes", 0)) + int(one.facts.get("raw_bytes", 0))
        for one in chosen.manifest.artefacts
    ]
    require_room({settings.staging: max(sizes, default=0)}, settings.free_percent)


def _remember(catalogue: BackupCatalogue, chosen: ChosenSet, now: datetime) -> None:
    """Write down beside the set that it was restored and compared; it may be gone by now."""
    name = chosen.one.name
    with catalogue.exclusive(_LOCK_SECONDS):
        try:
            record = catalogue.set(name).record or catalogue.adopt(name)
        except KeyError:
            return
        catalogue.save_record(name, record.changed(rehearsed=now))


def _left_behind(settings: RehearsalSettings, deadline: Deadline) -> list[Finding]:
    """Return what a recovery test by hand left on the live server."""
    if not settings.left_behind:
        return []

    def look() -> t.Iterator[list[str]]:
        try:
            session = open_session(settings.live_login, "postgres", _LOCK_MS)
            rows = session.rows("SELECT datname FROM pg_database ORDER BY 1")
        except (DatabaseError, DriverMissingError) as error:
            raise isolated.IsolatedError(str(error)) from error
        yield [name for (name,) in rows]

    seconds = min(30.0, deadline.remaining())
    values, problem = isolated.run(look, seconds, settings.live_run_as)
    names = values[0] if values else []
    found = [name for name in names if name in settings.left_behind]

    return [found_by.left_behind(found, problem, settings)]


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return f"{error.filename or ''} {reason_of(error)}".strip()
    if isinstance(error, KeyError):
        return f"its entry in the manifest is incomplete (KeyError: {error})"

    return str(error)
