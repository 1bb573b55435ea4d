# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two calls: make a set when it is due and expire what is redundant, and verify the sets."""

from __future__ import annotations

import contextlib
import os
import typing as t
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from .. import acceptance
from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.state_file import StateFileError
from ..base.text import limit_text, list_some
from ..findings import Finding, Subject
from . import findings as found_by
from . import retention
from .artefacts.kind import UnfinishedError, Workplace
from .catalogue import BackupCatalogue, BackupSet, CatalogueError, newest_verified
from .legacy import legacy_findings
from .listing import kept_findings
from .making import Clock, make_set, shrunk, utc_now
from .manifest import BackupManifest, set_name
from .progress import progress_text
from .settings import BackupSettings, VerifySettings
from .verify import verify_set

#: Seconds to wait for another run on the same catalogue.
LOCK_SECONDS: t.Final = 60.0
#: Seconds that a run has beyond its time to write down what it found.
GRACE: t.Final = 30.0

Answer = dict[str, t.Any]


class BackupError(Exception):
    """The catalogue cannot be used at all; the message says why and what to change."""


def run(settings: BackupSettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Return what was done, or in check mode would be, and what was found; raises BackupError."""
    answer = _run(settings, check_mode, clock)
    if settings.state != "progress":
        answer["findings"] += found_by.keyless_findings(settings.without_key)

    return answer


def verify(settings: VerifySettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Read the sets that are due and return the findings on all; raises BackupError."""
    deadline = Deadline(settings.max_seconds)
    if not Path(settings.root).is_dir():
        ids = settings.requirements
        age = found_by.age_finding(None, settings.promised_hours, clock(), ids)
        left = legacy_findings(settings.legacy, False, deadline, ids)
        return {"changed": False, "findings": [age, *kept_findings([], ids), *left], "sets": []}

    try:
        with BackupCatalogue(settings.root) as catalogue:
            if check_mode:
                return _verified_answer(catalogue, settings, clock(), [])
            with catalogue.exclusive(min(LOCK_SECONDS, deadline.left)):
                released = _release(catalogue, settings.release)
                failures = _verify_each(catalogue, settings, deadline, clock())
            answer = _verified_answer(catalogue, settings, clock(), failures)
            has_sets = catalogue.newest_verified() is not None
            left = legacy_findings(settings.legacy, has_sets, deadline, settings.requirements)
            answer["findings"] += left
            return {**answer, "changed": released}
    except (CatalogueError, StateFileError) as error:
        raise BackupError(str(error)) from error


def is_due(newest: BackupSet | None, settings: BackupSettings, now: datetime) -> bool:
    """Return whether a set is to be made: always on demand, else by the newest verified one."""
    if settings.reason != "schedule" or settings.set or newest is None:
        return True

    # After the clock jumped back the newest set is from the future: too many sets harm nobody.
    return not timedelta(0) <= now - newest.created < timedelta(hours=settings.due_hours)


def _run(settings: BackupSettings, check_mode: bool, clock: Clock) -> Answer:
    if settings.state == "progress":
        return _progress(settings)
    if excuse := _excuse(settings):
        subject = Subject("backup:set", settings.requirements)
        return _answer(False, [subject.finding("info", excuse)], settings.root)
    if settings.state == "observed":
        return _observe(settings, clock())

    deadline = Deadline(settings.max_seconds)
    _require_mount(settings)
    if check_mode and not Path(settings.root).is_dir():
        planned = found_by.planned_finding(settings.requirements)
        return _answer(True, [planned], settings.root, due=True)

    try:
        with BackupCatalogue(settings.root, make=True) as catalogue:
            if check_mode:
                return _preview(catalogue, settings, clock())
            with catalogue.exclusive(min(LOCK_SECONDS, deadline.left)):
                return _make_and_expire(catalogue, settings, deadline, clock)
    except CatalogueError as error:
        raise BackupError(str(error)) from error
    except (OSError, StateFileError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise BackupError(f"no set was made in '{settings.root}': {reason}") from error


def _excuse(settings: BackupSettings) -> str:
    """Return why nothing is made on this host, '' for no reason."""
    if not settings.artefacts:
        return "nothing on this host belongs to a backup"
    if settings.require_acceptance and not acceptance.is_accepted(settings.accepted_file):
        return "no set is made: nobody has accepted this host yet"

    return ""


def _make_and_expire(
    catalogue: BackupCatalogue, settings: BackupSettings, deadline: Deadline, clock: Clock
) -> Answer:
    cleared = catalogue.clear_leftovers()
    previous = _previous(catalogue, settings)
    found: list[Finding] = []
    expired: tuple[str, ...] = ()
    made: BackupManifest | None = None

    if there := _made_before(catalogue, settings):
        made = there
        found += found_by.made_findings(made, (), settings.requirements)
    elif is_due(catalogue.newest_verified(settings.scheduled), settings, clock()):
        if _missing_space(settings, previous):
            expired = _expire(catalogue, settings, clock())
        outcome = _made(catalogue, settings, previous, deadline, clock)
        if not isinstance(outcome, BackupManifest):
            found += [*outcome, *_kept(catalogue, settings, clock())]
            changed = bool(cleared or expired)
            return _answer(changed, found, settings.root, expired=expired)
        made = outcome
        before = previous.manifest if previous else None
        smaller = shrunk(made, before, settings.shrunk_percent) if before else ()
        found += found_by.made_findings(made, smaller, settings.requirements)

    plan = _plan(catalogue, settings, clock())
    for name in plan.expired:
        catalogue.delete(name)
    expired += plan.expired
    found += _kept(catalogue, settings, clock())
    found += found_by.retention_findings(plan.problem, expired, settings)

    return _answer(
        bool(cleared or made or expired),
        found,
        settings.root,
        made=made.name if made else "",
        expired=expired,
    )


def _made_before(catalogue: BackupCatalogue, settings: BackupSettings) -> BackupManifest | None:
    """Return the manifest of the very set that is asked for, None unless it was made already.

    A connection that is lost while a job is started has Ansible start it once more.
    """
    with contextlib.suppress(KeyError):
        one = catalogue.set(settings.set) if settings.set else None
        wanted = {artefact.name for artefact in settings.artefacts}
        if one and one.is_verified and wanted <= one.artefacts:
            return one.manifest

    return None


def _made(
    catalogue: BackupCatalogue,
    settings: BackupSettings,
    newest: BackupSet | None,
    deadline: Deadline,
    clock: Clock,
) -> BackupManifest | list[Finding]:
    """Make a set and return its manifest, or the findings on why none was made."""
    if problem := _missing_space(settings, newest):
        subject = Subject("backup:set", settings.requirements)
        return [subject.finding("critical", f"no set was made: {problem}")]

    outcome = make_set(catalogue, settings, deadline, clock)
    if isinstance(outcome, BackupManifest):
        return outcome

    return found_by.failure_findings(outcome, settings.requirements)


def _expire(catalogue: BackupCatalogue, settings: BackupSettings, now: datetime) -> tuple[str, ...]:
    """Delete what is redundant already, before a set that the disk has no room for."""
    expired = _plan(catalogue, settings, now).expired
    for name in expired:
        catalogue.delete(name)

    return expired


def _preview(catalogue: BackupCatalogue, settings: BackupSettings, now: datetime) -> Answer:
    """Return what a run would do; a set that would be made is as good as made."""
    due = is_due(catalogue.newest_verified(settings.scheduled), settings, now)
    plan = _plan(catalogue, settings, now)
    planned = found_by.planned_finding(settings.requirements)
    found = [planned] if due else _kept(catalogue, settings, now)
    found += found_by.retention_findings(plan.problem, plan.expired, settings, planned=True)

    return _answer(due or bool(plan.expired), found, settings.root, due=due, expired=plan.expired)


def _observe(settings: BackupSettings, now: datetime) -> Answer:
    """Return the answer of a look: what is due, and the age of the newest verified set."""
    subject = Subject("backup:age", settings.requirements)
    try:
        _require_mount(settings)
        if not Path(settings.root).is_dir():
            age = found_by.age_finding(None, settings.promised_hours, now, settings.requirements)
            found = [age, *kept_findings([], settings.requirements)]
            return _answer(False, found, settings.root, due=True, moment=now)
        with BackupCatalogue(settings.root) as catalogue:
            plan = _plan(catalogue, settings, now)
            return _answer(
                False,
                _kept(catalogue, settings, now),
                settings.root,
                due=is_due(catalogue.newest_verified(settings.scheduled), settings, now),
                expired=plan.expired,
                leftovers=catalogue.leftovers(),
                moment=now,
            )
    except (BackupError, CatalogueError, OSError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        unknown = subject.finding("unknown", f"the sets cannot be looked at: {reason}")
        return _answer(False, [unknown], settings.root, due=True, moment=now)


def _progress(settings: BackupSettings) -> Answer:
    """Return how far a run is; it holds the lock of the catalogue, so this takes none."""
    names = [artefact.name for artefact in settings.artefacts]
    try:
        with BackupCatalogue(settings.root) as catalogue:
            text = progress_text(catalogue, names)
    except CatalogueError:
        text = ""

    return {**_answer(False, [], settings.root), "progress": text}


def _previous(catalogue: BackupCatalogue, settings: BackupSettings) -> BackupSet | None:
    """Return the newest verified set that has all that is to be kept now, else just the newest."""
    names = [one.name for one in settings.artefacts]

    return catalogue.newest_verified(names) or catalogue.newest_verified()


def _plan(
    catalogue: BackupCatalogue, settings: BackupSettings, now: datetime
) -> retention.RetentionPlan:
    if settings.retention is None:
        return retention.RetentionPlan(())

    return retention.plan(catalogue.sets(), settings.retention, now, settings.listed)


def _kept(catalogue: BackupCatalogue, settings: BackupSettings, now: datetime) -> list[Finding]:
    """Return the age of the newest verified set of the schedule, and the sets that are kept.

    An artefact that came into the profile since the last set of the schedule is in the next one.
    """
    sets = catalogue.sets()
    asked = _artefacts_of_schedule(sets)
    wanted = [name for name in settings.scheduled if not asked or name in asked]
    newest = newest_verified(sets, wanted)
    ids = settings.requirements

    return [
        found_by.age_finding(newest, settings.promised_hours, now, ids),
        *kept_findings(sets, ids),
    ]


def _answer(
    changed: bool,
    found: list[Finding],
    root: str,
    *,
    made: str = "",
    due: bool = False,
    expired: Sequence[str] = (),
    leftovers: Sequence[str] = (),
    moment: datetime | None = None,
) -> Answer:
    return {
        "changed": changed,
        "findings": found,
        "root": root,
        "made": made,
        "due": due,
        "expired": list(expired),
        "leftovers": list(leftovers),
        "next_set": set_name(moment) if moment else "",
    }


def _require_mount(settings: BackupSettings) -> None:
    if settings.mount and not os.path.ismount(settings.mount):
        raise BackupError(f"'{settings.mount}' is not mounted; mount the disk of the backups")


def _missing_space(settings: BackupSettings, newest: BackupSet | None) -> str:
    """Return why there is no room for a set like the last one, '' when there is."""
    disk = os.statvfs(settings.root)
    total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    expected = newest.manifest.bytes if newest and newest.manifest else 0
    needed = expected + total * settings.free_percent / 100
    if free >= needed:
        return ""

    return (
        f"'{settings.root}' has {free >> 20} MiB free; {int(needed) >> 20} MiB are needed"
        f" ({expected >> 20} MiB for a set, {settings.free_percent:g} % of the disk free)"
    )


def _release(catalogue: BackupCatalogue, names: tuple[str, ...]) -> bool:
    """Let held sets go; return whether one was held. Raises BackupError for an unknown name."""
    sets = {one.name: one for one in catalogue.sets()}
    if unknown := sorted(set(names) - set(sets)):
        raise BackupError(f"there is no set {unknown[0]} to release")

    held = [sets[name] for name in dict.fromkeys(names) if sets[name].held]
    for one in held:
        if one.record:
            catalogue.save_record(one.name, one.record.changed(held=""))

    return bool(held)


def _verify_each(
    catalogue: BackupCatalogue, settings: VerifySettings, deadline: Deadline, now: datetime
) -> list[str]:
    """Read what is due, the newest set first; return why a set could not be looked at."""
    due_before = now - timedelta(days=settings.reread_days)
    failures = []

    for one in reversed(catalogue.sets()):
        if deadline.is_over():
            failures.append(f"{one.name}: there was no time left")
            continue
        try:
            record = verify_set(
                catalogue,
                one,
                lambda: Workplace(deadline.part(settings.artefact_seconds), settings.staging),
                due_before,
                now,
            )
            if one.record != record and (one.manifest or one.record):
                catalogue.save_record(one.name, record)
        except (OSError, StateFileError, UnfinishedError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            failures.append(f"{one.name}: {reason}")

    return failures


def _artefacts_of_schedule(sets: Sequence[BackupSet]) -> frozenset[str]:
    """Return what the newest set of the schedule holds, nothing without any."""
    manifests = [one.manifest for one in reversed(sets) if one.manifest]
    scheduled = next((one for one in manifests if one.reason == "schedule"), None)

    return frozenset(one.name for one in scheduled.artefacts) if scheduled else frozenset()


def _verified_answer(
    catalogue: BackupCatalogue, settings: VerifySettings, now: datetime, failures: list[str]
) -> Answer:
    sets = catalogue.sets()
    newest = newest_verified(sets, _artefacts_of_schedule(sets))
    found = [
        found_by.age_finding(newest, settings.promised_hours, now, settings.requirements),
        *kept_findings(sets, settings.requirements),
        *found_by.verified_findings(sets, now, settings.requirements),
    ]
    subject = Subject("backup:verification", settings.requirements)
    if failures:
        text = f"{len(failures)} sets could not be looked at: {list_some(failures, 3)}"
        found.append(subject.finding("unknown", limit_text(text, 400)))

    return {
        "changed": False,
        "findings": found,
        "sets": [
            {
                "name": one.name,
                "bytes": one.manifest.bytes if one.manifest else None,
                "is_verified": one.is_verified,
                "held": one.held,
                "problem": one.problem,
            }
            for one in sets
        ],
    }
