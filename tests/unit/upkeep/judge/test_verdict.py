# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict over a run's event log."""

from __future__ import annotations

from datetime import date

import pytest
from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.judge.acknowledgements import Acknowledgement, AcknowledgementFile
from upkeep.judge.verdict import Rules, judge_run
from upkeep.run.events import Event

TODAY = date(2026, 1, 31)
CRITICAL = Rules(fail_on=["critical"])


def seen(host: str, status: str, check: str = "unit:app") -> Finding:
    return complete(finding(check, status, "m"), system="s", host=host, area="a")


def log(*findings: Finding, hosts: tuple[str, ...] = ("h1",), **task: str) -> list[Event]:
    events: list[Event] = [{"event": "play_started", "hosts": [*hosts, "localhost"]}]
    events += [{"event": "finding", "finding": f} for f in findings]
    return [*events, {"event": "task", "host": "h1", "task": "t", **task}] if task else events


def test_nothing_wrong() -> None:
    verdict = judge_run(log(seen("h1", "warning")), CRITICAL, today=TODAY)
    assert (verdict.outcome, verdict.messages()) == ("ok", [])


def test_critical_fails_and_is_named() -> None:
    verdict = judge_run(log(seen("h1", "critical")), CRITICAL, today=TODAY)
    assert verdict.outcome == "findings"
    assert verdict.messages() == ["s h1 unit:app is critical: m"]


def test_what_the_second_look_saw_counts() -> None:
    verdict = judge_run(log(seen("h1", "critical"), seen("h1", "ok")), CRITICAL, today=TODAY)
    assert verdict.outcome == "ok"


@pytest.mark.parametrize(
    ("status", "outcome"), [("failed", "failed"), ("unreachable", "unreachable"), ("ignored", "ok")]
)
def test_broken_tasks_fail_whatever_the_findings_say(status: str, outcome: str) -> None:
    verdict = judge_run(log(seen("h1", "ok"), status=status), Rules(fail_on=[]), today=TODAY)
    assert verdict.outcome == outcome


@pytest.mark.parametrize(("area", "outcome"), [("lock", "findings"), ("health_check", "ok")])
def test_what_could_not_be_seen_fails_where_that_is_asked_for(area: str, outcome: str) -> None:
    found = complete(finding("lock:system", "unknown", "m"), system="s", host="h1", area=area)
    rules = Rules(fail_on_unknown=["lock", "model_verification", "preflight"])
    assert judge_run(log(found), rules, today=TODAY).outcome == outcome


def test_a_host_without_findings_is_missing() -> None:
    verdict = judge_run(log(seen("h1", "ok"), hosts=("h1", "h2")), CRITICAL, today=TODAY)
    assert verdict.missing_hosts == ["h2"]


@pytest.mark.parametrize(
    ("status", "until", "outcome"),
    [
        ("critical", "2026-01-31", "ok"),
        ("critical", "2026-01-30", "findings"),
        ("warning", "2026-12-31", "findings"),
    ],
)
def test_acknowledgement_counts_until_its_day_and_up_to_its_status(
    status: str, until: str, outcome: str
) -> None:
    found = seen("h1", "critical")
    entry = Acknowledgement(
        fingerprint=found["fingerprint"], status=status, owner="o", reason="r", until=until
    )
    rules = Rules(acknowledgements=AcknowledgementFile([entry], "a.yml", "d1"))
    verdict = judge_run(log(found), rules, today=TODAY)

    assert verdict.outcome == outcome
    assert verdict.event()["acknowledgements"] == {"path": "a.yml", "sha256": "d1", "entries": 1}


def test_entries_that_mute_nothing_are_noted() -> None:
    entry = Acknowledgement(
        fingerprint="a" * 16, status="critical", owner="o", reason="r", until="2026-01-30"
    )
    rules = Rules(acknowledgements=AcknowledgementFile([entry], "a.yml", "d1"))
    verdict = judge_run(log(seen("h1", "ok")), rules, today=TODAY)

    assert [f["check"] for f in verdict.own_findings] == ["acknowledgements:expired"]
    assert verdict.outcome == "ok"
