# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict: the exit code of a run, judged from its event log and nothing else."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import date

from ansible.module_utils.upkeep.findings import Finding

from upkeep.judge import coverage
from upkeep.judge.acknowledgements import (
    Acknowledgement,
    AcknowledgementFile,
    acknowledged,
    notes,
)
from upkeep.run.events import Event


class Rules(t.NamedTuple):
    """What fails a run: statuses, areas in which ``unknown`` does, and what is acknowledged."""

    fail_on: t.Sequence[str] = ("critical",)
    fail_on_unknown: t.Sequence[str] = ()
    acknowledgements: AcknowledgementFile = AcknowledgementFile([], "", "")

    def fails(self, finding: Finding) -> bool:
        """Return whether a finding that nobody acknowledged fails the run."""
        unseen = finding["status"] == "unknown" and finding["area"] in self.fail_on_unknown

        return unseen or finding["status"] in self.fail_on


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is ``ok``, ``findings``, ``failed`` or ``unreachable``.

    Anything but ``ok`` fails the run.
    """

    outcome: str
    rules: Rules
    failing: list[Finding]
    acknowledged: dict[str, Acknowledgement]
    missing_hosts: list[str]
    own_findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def event(self) -> dict[str, t.Any]:
        """Return the fields of the ``verdict`` event."""
        return {
            "outcome": self.outcome,
            "fail_on": list(self.rules.fail_on),
            "fail_on_unknown": list(self.rules.fail_on_unknown),
            "failing": [f["fingerprint"] for f in self.failing],
            "acknowledged": dict(self.acknowledged),
            "acknowledgements": {
                "path": self.rules.acknowledgements.path,
                "sha256": self.rules.acknowledgements.sha256,
                "entries": len(self.rules.acknowledgements.entries),
            },
            "missing_hosts": self.missing_hosts,
            "messages": self.messages(),
        }

    def messages(self) -> list[str]:
        """Return every reason why the run fails, worst first, one sentence each."""
        found = [
            f"{f['system']} {f['host']} {f['check']} is {f['status']}: {f['message']}"
            for f in self.failing
        ]
        return [*self.problems, *found]


def judge_run(
    events: t.Sequence[Event], rules: Rules, *, own: t.Sequence[Finding] = (), today: date
) -> Verdict:
    """Judge a run; ``own`` are the verdict's own findings about coverage."""
    findings = [*latest_findings(events), *own]
    entries = rules.acknowledgements.entries
    muted = acknowledged(findings, entries, today)
    failing = [f for f in findings if rules.fails(f) and f["fingerprint"] not in muted]
    problems = _broken_tasks(events)

    return Verdict(
        outcome=_outcome(events, problems, failing),
        rules=rules,
        failing=failing,
        acknowledged=muted,
        missing_hosts=coverage.missing_hosts(events),
        own_findings=[*own, *notes(findings, entries, today)],
        problems=problems,
    )


def _outcome(
    events: t.Iterable[Event], problems: t.Sequence[str], failing: t.Sequence[Finding]
) -> str:
    if any(e["event"] == "task" and e["status"] == "unreachable" for e in events):
        return "unreachable"
    if problems:
        return "failed"

    return "findings" if failing else "ok"


def latest_findings(events: t.Iterable[Event]) -> list[Finding]:
    """Return the last state of every finding in the log: the recheck replaces the first check."""
    latest = {e["finding"]["fingerprint"]: e["finding"] for e in events if e["event"] == "finding"}
    return list(latest.values())


def _broken_tasks(events: t.Iterable[Event]) -> list[str]:
    return [
        f"{e['host']}: task '{e['task']}' {e['status']}: {e.get('message', '')}"
        for e in events
        if e["event"] == "task" and e["status"] in ("failed", "unreachable")
    ]
