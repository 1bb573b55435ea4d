# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is found about a restore."""

from __future__ import annotations

from collections.abc import Sequence

from ..backup.manifest import Artefact
from ..base.text import limit_text, list_some
from ..findings import Finding, Subject
from .choose import RESTORED, ChosenSet, is_sealed
from .last_rehearsals import LastRehearsals
from .settings import RestoreSettings
from .targets.target import TargetPlan

_LONGEST = 500


def planned(
    chosen: ChosenSet,
    plans: Sequence[tuple[Artefact, TargetPlan]],
    known: LastRehearsals,
    settings: RestoreSettings,
) -> list[Finding]:
    """Return what a restore would do, for each artefact, and how long a rehearsal took for it."""
    text = f"the set {chosen.one.name} would be restored"
    seconds = known.seconds_of([artefact.name for artefact, _ in plans])
    if seconds is None:
        text += "; how long that takes is not known, since no rehearsal of it has passed"
    else:
        bound = "at most " if settings.table or settings.paths else ""
        text += f"; that takes {bound}about {seconds:.0f} s, as its rehearsal at {known.tried} did"
    found = [
        Subject("restore:set", settings.requirements).finding(
            "info", text, observed=chosen.one.name
        )
    ]
    for artefact, plan in plans:
        replaced = list_some(plan.replaces, 5)
        text = f"would replace {replaced}, which is kept" if replaced else "would replace nothing"
        text = f"{text}; {'; '.join(plan.notes)}" if plan.notes else text
        found.append(
            _subject(artefact, settings).finding(
                "info",
                limit_text(text, _LONGEST),
                observed=sum(plan.needs.values()),
                unit="bytes",
            )
        )

    return found


def restored(
    artefact: Artefact,
    result: str,
    beside: Sequence[str],
    kept: Sequence[str],
    note: str,
    settings: RestoreSettings,
) -> Finding:
    """Return what was restored of an artefact."""
    text = f"restored and compared: {result}"
    if beside:
        text += f"; it stands beside what is there, which was not replaced: {list_some(beside, 5)}"
    if kept:
        text += f"; what was replaced is kept as {list_some(kept, 3)}"
    if note:
        text += f"; {note}"

    return _subject(artefact, settings).finding("ok", limit_text(text, _LONGEST))


def left_out(chosen: ChosenSet, settings: RestoreSettings) -> list[Finding]:
    """Return what a restore of everything leaves out, since its key was not given."""
    if settings.artefacts or settings.table or settings.age_identity:
        return []

    return [
        _subject(one, settings).finding(
            "warning",
            "it is encrypted and not restored: give the private key as age_identity, from a vault"
            " file of the control host",
        )
        for one in chosen.manifest.artefacts
        if one.kind in RESTORED and is_sealed(one) and (one.kind == "files" or not settings.paths)
    ]


def libc(chosen: ChosenSet, here: str, ids: Sequence[str]) -> list[Finding]:
    """Return a warning where text may sort in another way than where the set was made."""
    there = str(chosen.manifest.source.get("libc", ""))
    if not there or there == here:
        return []

    return [
        Subject("restore:libc", tuple(ids)).finding(
            "warning",
            f"the set was made under {there}, this host has {here}: text may sort in another way;"
            " the restored indexes are built here, those of other databases are not",
            observed=here,
            expected=there,
        )
    ]


def times(
    chosen: ChosenSet,
    whole: float,
    down: float,
    problems: Sequence[str],
    settings: RestoreSettings,
) -> list[Finding]:
    """Return how long it took, and what did not start again."""
    age = chosen.manifest.created
    found = [
        Subject("restore:set", settings.requirements).finding(
            "ok",
            f"the set {chosen.one.name} was restored in {whole:g} s; services were down for"
            f" {down:.1f} s; what was written since {age:%Y-%m-%d %H:%M} UTC is not in it",
            observed=whole,
            unit="s",
        )
    ]
    if problems:
        found.append(
            Subject("restore:units", settings.requirements).finding(
                "critical", limit_text(f"{list_some(problems, 3)}: look at its journal", _LONGEST)
            )
        )

    return found


def _subject(artefact: Artefact, settings: RestoreSettings) -> Subject:
    return Subject(f"restore:{artefact.name}", settings.requirements)
