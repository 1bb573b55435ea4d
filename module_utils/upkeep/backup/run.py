# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two calls: make a set when it is due and expire what is redundant, and verify the sets."""

from __future__ import annotations

import os
import typing as t
from datetime import datetime, timedelta
from pathlib import Path

from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.state_file import StateFileError
from ..base.text import limit_text, list_some
from ..findings import Finding, Subject
from . import findings as found_by
from . import retention
from .artefacts.kind import UnfinishedError, Workplace
from .catalogue import BackupCatalogue, BackupSet, CatalogueError
from .making import Clock, make_set, shrunk, utc_now
from .manifest import BackupManifest
from .settings import BackupSettings, VerifySettings
from .verify import verify_set

#: Seconds to wait for another run on the same catalogue.
LOCK_SECONDS: t.Final = 60.0
#: Seconds that a run has beyond its time to write down what it found.
GRACE: t.Final = 30.0
_NICE: t.Final = 10

Answer = dict[str, t.Any]


class BackupError(Exception):
    """The catalogue cannot be used at all; the message says why and what to change."""


def run(settings: BackupSettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Return what was done, or in check mode would be, and what was found; raises BackupError."""
    deadline = Deadline(settings.max_seconds)
    _require_mount(settings)
    if check_mode and not Path(settings.root).is_dir():
        return _answer(True, [], settings.root, due=True)

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


def verify(settings: VerifySettings, check_mode: bool, clock: Clock = utc_now) -> Answer:
    """Return what is found about the sets after what is due was read; raises BackupError."""
    deadline = Deadline(settings.max_seconds)
    if not Path(settings.root).is_dir():
        ids = settings.requirements
        age = found_by.age_finding(None, settings.promised_hours, clock(), ids)
        return {"changed": False, "findings": [age], "sets": []}

    try:
        with BackupCatalogue(settings.root) as catalogue:
            if check_mode:
                return _verified_answer(catalogue, settings, clock(), [])
            with catalogue.exclusive(min(LOCK_SECONDS, deadline.left)):
                released = _release(catalogue, settings.release)
                failures = _verify_each(catalogue, settings, deadline, clock())
            answer = _verified_answer(catalogue, settings, clock(), failures)
            return {**answer, "changed": released}
    except (CatalogueError, StateFileError) as error:
        raise BackupError(str(error)) from error


def step_back() -> None:
    """Let everything else on the host go first, in CPU and in input and output."""
    os.nice(_NICE)  # the priority of input and output follows it


def is_due(newest: BackupSet | None, settings: BackupSettings, now: datetime) -> bool:
    """Return whether a set is to be made: always on demand, else by the newest verified one."""
    if settings.reason != "schedule" or newest is None:
        return True

    # After the clock jumped back the newest set is from the future: too many sets harm nobody.
    return not timedelta(0) <= now - newest.created < timedelta(hours=settings.due_hours)


def _make_and_expire(
    catalogue: BackupCatalogue, settings: BackupSettings, deadline: Deadline, clock: Clock
) -> Answer:
    cleared = catalogue.clear_leftovers()
    newest = catalogue.newest_verified()
    found: list[Finding] = []
    made: BackupManifest | None = None

    if is_due(newest, settings, clock()):
        _require_space(settings, newest)
        outcome = make_set(catalogue, settings, deadline, clock)
        if not isinstance(outcome, BackupManifest):
            found += found_by.failure_findings(outcome, settings.requirements)
            found.append(_age(catalogue, settings, clock()))
            return _answer(bool(cleared), found, settings.root)
        made = outcome
        before = newest.manifest if newest else None
        smaller = shrunk(made, before, settings.shrunk_percent) if before else ()
        found += found_by.made_findings(made, smaller, settings.requirements)

    plan = _plan(catalogue, settings, clock())
    for name in plan.expired:
        catalogue.delete(name)
    found += [_age(catalogue, settings, clock()), *_retention_finding(plan, settings)]

    return _answer(
        bool(cleared or made or plan.expired),
        found,
        settings.root,
        made=made.name if made else "",
        expired=plan.expired,
    )


def _preview(catalogue: BackupCatalogue, settings: BackupSettings, now: datetime) -> Answer:
    due = is_due(catalogue.newest_verified(), settings, now)
    plan = _plan(catalogue, settings, now)
    found = [_age(catalogue, settings, now), *_retention_finding(plan, settings)]

    return _answer(due or bool(plan.expired), found, settings.root, due=due, expired=plan.expired)


def _plan(
    catalogue: BackupCatalogue, settings: BackupSettings, now: datetime
) -> retention.RetentionPlan:
    if settings.retention is None:
        return retention.RetentionPlan(())

    return retention.plan(catalogue.sets(), settings.retention, now)


def _retention_finding(plan: retention.RetentionPlan, settings: BackupSettings) -> list[Finding]:
    if settings.retention is None:
        return []
    subject = Subject("backup:retention", settings.requirements)
    if plan.problem:
        return [subject.finding("critical", f"nothing was deleted: {plan.problem}")]

    return [
        subject.finding(
            "ok", f"{len(plan.expired)} sets were redundant", observed=len(plan.expired)
        )
    ]


def _age(catalogue: BackupCatalogue, settings: BackupSettings, now: datetime) -> Finding:
    newest = catalogue.newest_verified()

    return found_by.age_finding(newest, settings.promised_hours, now, settings.requirements)


def _answer(
    changed: bool,
    found: list[Finding],
    root: str,
    *,
    made: str = "",
    due: bool = False,
    expired: tuple[str, ...] = (),
) -> Answer:
    return {
        "changed": changed,
        "findings": found,
        "root": root,
        "made": made,
        "due": due,
        "expired": list(expired),
    }


def _require_mount(settings: BackupSettings) -> None:
    if settings.mount and not os.path.ismount(settings.mount):
        raise BackupError(f"'{settings.mount}' is not mounted; mount the disk of the backups")


def _require_space(settings: BackupSettings, newest: BackupSet | None) -> None:
    """Raise BackupError unless there is room for a set like the last one."""
    disk = os.statvfs(settings.root)
    total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    expected = newest.manifest.bytes if newest and newest.manifest else 0
    needed = expected + total * settings.free_percent / 100

    if free < needed:
        raise BackupError(
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


def _verified_answer(
    catalogue: BackupCatalogue, settings: VerifySettings, now: datetime, failures: list[str]
) -> Answer:
    sets = catalogue.sets()
    newest = catalogue.newest_verified()
    found = [
        found_by.age_finding(newest, settings.promised_hours, now, settings.requirements),
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
