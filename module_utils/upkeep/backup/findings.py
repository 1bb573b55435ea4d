# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is found about the sets of a catalogue."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from datetime import datetime

from ..base.text import limit_text, list_some
from ..findings import MOST_LINES, Finding, Limits, Subject
from .catalogue import BackupSet
from .making import ArtefactFailure
from .manifest import BROKEN_REFERENCES, MISSING, MOUNTS, BackupManifest
from .settings import ArtefactSettings, BackupSettings
from .verify import oldest_unread

_HOUR: t.Final = 3600.0
_DAY: t.Final = 86400.0
_LONGEST: t.Final = 400


def age_finding(
    newest: BackupSet | None, promised_hours: float, now: datetime, ids: Sequence[str]
) -> Finding:
    """Return the age of the newest verified set, held against the promise."""
    subject = Subject("backup:age", tuple(ids))
    limits = Limits(critical=promised_hours)
    if newest is None:
        return subject.finding(
            "critical",
            "there is no verified set; make one with playbooks/back_up_system.yml",
            expected=f"at most {promised_hours:g}",
            unit="h",
        )

    hours = round((now - newest.created).total_seconds() / _HOUR, 2)
    if hours < 0:
        return subject.finding(
            "critical", f"the newest set, {newest.name}, is from the future: look at the clock"
        )

    return subject.measured(
        hours,
        limits,
        f"the newest verified set, {newest.name}, is {hours:g} hours old",
        "look why no newer one was made or verified",
        unit="h",
    )


def planned_finding(ids: Sequence[str]) -> Finding:
    """Return the finding of check mode where a set is due."""
    return Subject("backup:age", tuple(ids)).finding("info", "a set is due and would be made first")


def retention_findings(
    problem: str, expired: Sequence[str], settings: BackupSettings, *, planned: bool = False
) -> list[Finding]:
    """Return which sets went, or in check mode would go; nothing without a policy."""
    if settings.retention is None:
        return []
    ids = settings.retention.requirements or settings.requirements
    subject = Subject("backup:retention", ids)
    if problem:
        return [subject.finding("critical", f"nothing was deleted: {problem}")]
    if not expired:
        return [subject.finding("ok", "no set is redundant", observed=0)]

    verb = "would be deleted" if planned else "deleted"
    text = f"redundant, {verb}: {list_some(expired, 5)}"

    return [
        subject.finding(
            "info" if planned else "ok", text, observed=len(expired), lines=expired[:MOST_LINES]
        )
    ]


def keyless_findings(artefacts: Sequence[ArtefactSettings]) -> list[Finding]:
    """Return a finding on each artefact that is left out because no key is set for it."""
    return [
        Subject(f"backup:{one.name}", one.requirements).finding(
            "warning",
            "it holds secrets and is not kept: set backup_recipient to a public key of age",
        )
        for one in artefacts
    ]


def made_findings(
    manifest: BackupManifest, shrunk: Sequence[str], ids: Sequence[str]
) -> list[Finding]:
    """Return the findings on a set that was just published."""
    set_subject = Subject("backup:set", tuple(ids))
    seconds = (manifest.finished - manifest.created).total_seconds()
    found = [
        set_subject.finding(
            "ok",
            f"the set {manifest.name} was made and verified in {seconds:g} s",
            observed=manifest.bytes,
            unit="bytes",
        )
    ]
    found.append(
        set_subject.finding(
            "warning" if shrunk else "ok",
            f"{list_some(shrunk, 3)}: look whether data were lost"
            if shrunk
            else "no artefact shrank since the previous set",
            aspect="size",
            observed=len(shrunk),
        )
    )
    for artefact in manifest.artefacts:
        subject = Subject(f"backup:{artefact.name}", artefact.requirements)
        size = sum(file.bytes for file in artefact.files)
        changed = artefact.facts.get("changed") or []
        note = f"; {len(changed)} files changed while they were read" if changed else ""
        found.append(
            subject.finding(
                "ok",
                f"{artefact.kind} was kept and read back{note}",
                observed=size,
                unit="bytes",
            )
        )
        if missing := artefact.facts.get(MISSING):
            text = f"its profile has tables hashed that are not there: {list_some(missing, 3)}"
            found.append(subject.finding("warning", text, aspect="hashed"))
        if mounts := artefact.facts.get(MOUNTS):
            text = f"other file systems are not kept, list them as paths: {list_some(mounts, 3)}"
            found.append(subject.finding("warning", text, aspect="mounts"))
        if broken := artefact.facts.get(BROKEN_REFERENCES):
            text = "rows refer to rows that are not there; the set has them as they are"
            found.append(
                subject.finding("warning", text, aspect="references", observed=broken, expected=0)
            )

    return found


def failure_findings(failures: Sequence[ArtefactFailure], ids: Sequence[str]) -> list[Finding]:
    """Return the findings on a set that could not be made."""
    named = [failure.name for failure in failures]
    found = [
        Subject(f"backup:{failure.name}", failure.requirements or tuple(ids)).finding(
            "critical", limit_text(failure.message, _LONGEST)
        )
        for failure in failures
    ]

    return [
        Subject("backup:set", tuple(ids)).finding(
            "critical", f"no set was made: {list_some(named)} failed; nothing was deleted"
        ),
        *found,
    ]


def verified_findings(
    sets: Sequence[BackupSet], now: datetime, ids: Sequence[str]
) -> list[Finding]:
    """Return a finding for each set, and the age of the byte that was read longest ago."""
    found = [_set_finding(one, ids) for one in sets]
    ages = [age for one in sets if (age := oldest_unread(one, now)) is not None]

    if ages:
        days = round(max(ages).total_seconds() / _DAY, 2)
        found.append(
            Subject("backup:unread", tuple(ids)).finding(
                "ok",
                f"every byte of the readable sets was read within {days:g} days",
                observed=days,
                unit="d",
            )
        )

    return found


def _set_finding(one: BackupSet, ids: Sequence[str]) -> Finding:
    subject = Subject(f"backup_set:{one.name}", tuple(ids))
    problems = [one.problem] if one.problem else list(one.record.problems if one.record else ())
    if problems:
        text = limit_text(list_some(problems, 3), _LONGEST)
        return subject.finding("critical", f"the set is damaged: {text}; do not restore it")

    size = one.manifest.bytes if one.manifest else 0

    return subject.finding("ok", "the set is good", observed=size, unit="bytes")
