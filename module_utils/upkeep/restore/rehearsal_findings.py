# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is found about rehearsals: how the last one went, and how long ago one passed."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from datetime import datetime

from ..base.text import limit_text, list_some
from ..findings import Finding, Limits, Subject
from .choose import ChosenSet
from .rehearsal import ArtefactRehearsal
from .settings import RehearsalSettings

_DAY: t.Final = 86400.0
_LONGEST: t.Final = 500
_HOW: t.Final = "rehearse with playbooks/rehearse_restore.yml"


def age(
    passed: datetime | None,
    first_set: datetime | None,
    problem: str,
    settings: RehearsalSettings,
    now: datetime,
) -> Finding:
    """Return how long ago a rehearsal passed; before the first is due that is a note."""
    subject = Subject("rehearsal:age", settings.requirements)
    if problem:
        text = f"the last rehearsal failed: {problem}"
        return subject.finding("critical", limit_text(text, _LONGEST))
    if passed is None:
        return _never(subject, first_set, settings, now)

    days = round((now - passed).total_seconds() / _DAY, 2)
    if days < 0:
        return subject.finding(
            "critical", "the last rehearsal is from the future: look at the clock"
        )

    return subject.measured(
        days,
        Limits(critical=settings.promised_days),
        f"a set was restored and compared {days:g} days ago",
        _HOW,
        unit="d",
    )


def _never(
    subject: Subject, first_set: datetime | None, settings: RehearsalSettings, now: datetime
) -> Finding:
    """Return a note until one period after the first set, then that the promise is broken."""
    if first_set is None:
        return subject.finding("info", "there is no set to rehearse yet")

    days = (now - first_set).total_seconds() / _DAY
    is_late = days > settings.promised_days

    return subject.finding(
        "critical" if is_late else "info",
        f"no set was ever restored to see whether that works: {_HOW}"
        if is_late
        else "no rehearsal yet; the first is due one period after the first set",
        expected=f"at most {settings.promised_days:g}",
        unit="d",
    )


def rehearsed(
    chosen: ChosenSet,
    done: Sequence[ArtefactRehearsal],
    whole: float,
    settings: RehearsalSettings,
) -> list[Finding]:
    """Return how the rehearsal of each artefact went, and how long all of it took."""
    name = chosen.one.name
    found = [_artefact(name, one, settings) for one in done]
    found += [
        Subject(f"rehearsal:{one.artefact.name}", query.requirements).finding(
            "ok",
            f"the restored database answered {query.name!r} with {value:g}",
            aspect=query.name.replace(" ", "_"),
            observed=value,
            expected=f"at least {query.at_least:g}",
        )
        for one in done
        for query, value in one.answers
    ]
    limits = Limits(warning=settings.recovery_seconds or None)
    found.append(
        Subject("rehearsal:time", settings.requirements).measured(
            whole,
            limits,
            f"restoring the set {name} took {whole:g} s",
            "give it more processes, or a faster disk",
            unit="s",
        )
    )

    return found


def _artefact(name: str, one: ArtefactRehearsal, settings: RehearsalSettings) -> Finding:
    subject = Subject(f"rehearsal:{one.artefact.name}", settings.requirements)
    if one.problem:
        text = f"{one.artefact.kind} of the set {name} cannot be restored: {one.problem}"
        return subject.finding("critical", limit_text(text, _LONGEST))

    if one.doubt:
        text = f"{one.artefact.kind} of the set {name}: {one.found}; {one.doubt}"
        return subject.finding("warning", limit_text(text, _LONGEST))

    phases = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in one.seconds.items())
    text = f"{one.artefact.kind} of the set {name} was restored: {one.found} ({phases})"

    return subject.finding("ok", limit_text(text, _LONGEST))


def left_behind(names: Sequence[str], problem: str, settings: RehearsalSettings) -> Finding:
    """Return which databases of recovery tests stay on the live server."""
    subject = Subject("restore:left_behind", settings.requirements)
    if problem:
        return subject.finding("unknown", f"the live server cannot be asked: {problem}")
    if names:
        return subject.finding(
            "warning",
            f"a recovery test left {list_some(names)} on the live server: remove it when nobody"
            " uses it, and rehearse with playbooks/rehearse_restore.yml",
            observed=len(names),
            expected=0,
        )

    return subject.finding("ok", "no recovery test left a database", observed=0, expected=0)
