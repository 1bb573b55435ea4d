# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict: the exit code of a run, judged from its event log and nothing else."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import date

from ansible.module_utils.upkeep.findings import Finding

from upkeep.judge import coverage
from upkeep.judge.acknowledgements import Acknowledgement, acknowledged
from upkeep.run.events import Event


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is ``ok``, ``findings``, ``failed`` or ``unreachable``.

    Anything but ``ok`` fails the run.
    """

    outcome: str
    fail_on: list[str]
    failing: list[Finding]
    acknowledged: dict[str, Acknowledgement]
    missing_hosts: list[str]
    own_findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def event(self) -> dict[str, t.Any]:
        """Return the fields of the ``verdict`` event."""
        return {
            "outcome": self.outcome,
            "fail_on": self.fail_on,
            "failing": [f["fingerprint"] for f in self.failing],
            "acknowledged": dict(self.acknowledged),
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
    events: t.Sequence[Event],
    facts: t.Mapping[str, t.Sequence[Finding]],
    *,
    fail_on: t.Sequence[str],
    entries: t.Sequence[Acknowledgement] = (),
    own: t.Sequence[Finding] = (),
    today: date,
) -> Verdict:
    """Judge a run.

    ``facts`` are the findings that the hosts hold in memory: each must stand in the event log, or
    the log is not the truth and the run fails. ``own`` are the verdict's own findings about
    coverage.
    """
    findings = latest_findings(events)
    muted = acknowledged([*findings, *own], entries, today)
    failing = [
        f for f in [*findings, *own] if f["status"] in fail_on and f["fingerprint"] not in muted
    ]
    broken = _broken_tasks(events)
    problems = [*broken, *_lost(findings, facts)]
    outcome = (
        "unreachable"
        if _any(events, "unreachable")
        else "failed"
        if problems
        else "findings"
        if failing
        else "ok"
    )

    return Verdict(
        outcome=outcome,
        fail_on=list(fail_on),
        failing=failing,
        acknowledged=muted,
        missing_hosts=coverage.missing_hosts(events),
        own_findings=list(own),
        problems=problems,
    )


def latest_findings(events: t.Iterable[Event]) -> list[Finding]:
    """Return the last state of every finding in the log: the recheck replaces the first check."""
    latest = {e["finding"]["fingerprint"]: e["finding"] for e in events if e["event"] == "finding"}
    return list(latest.values())


def _any(events: t.Iterable[Event], status: str) -> bool:
    return any(e["event"] == "task" and e["status"] == status for e in events)


def _broken_tasks(events: t.Iterable[Event]) -> list[str]:
    return [
        f"{e['host']}: task '{e['task']}' {e['status']}: {e.get('message', '')}"
        for e in events
        if e["event"] == "task" and e["status"] in ("failed", "unreachable")
    ]


def _lost(logged: t.Iterable[Finding], facts: t.Mapping[str, t.Sequence[Finding]]) -> list[str]:
    known = {f["fingerprint"] for f in logged}
    return [
        f"{host}: finding {f['check']} was recorded but is not in the event log, so the report "
        "would not show it"
        for host, own in sorted(facts.items())
        for f in own
        if f["fingerprint"] not in known
    ]
