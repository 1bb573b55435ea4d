# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run says whether it covered what the system's checklist has."""

from __future__ import annotations

import typing as t

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.judge.checklist import cadence_of, checklist_findings

ENTRY = {
    "name": "daily",
    "cadences": ["daily"],
    "items": [
        {"name": "uptime", "seen_in": ["health_check/http:*"]},
        {"name": "logs", "seen_in": ["log_review/log:api.errors", "log_review/log:web.errors"]},
    ],
    "requirements": ["R-racing-87"],
}


def seen(area: str, check: str, status: str = "ok", system: str = "shop") -> t.Any:
    return {"system": system, "area": area, "check": check, "status": status}


UPTIME = seen("health_check", "http:api", "critical")
LOGS = [seen("log_review", "log:api.errors"), seen("log_review", "log:web.errors", "info")]


def judge(*found: t.Any, cadence: str = "daily") -> list[tuple[str, str, t.Any]]:
    findings = checklist_findings({"shop": [ENTRY]}, cadence, found)

    return [(one["status"], one["message"], one["observed"]) for one in findings]


def test_what_was_seen_is_covered_whatever_it_says():
    assert judge(UPTIME, *LOGS) == [("ok", "The daily run covered uptime, logs.", 2)]


def test_an_item_without_one_of_its_findings_is_named():
    assert judge(UPTIME, LOGS[0]) == [
        (
            "warning",
            "The daily run did not cover logs (no finding of log_review/log:web.errors): see which"
            " job failed or was left out",
            1,
        )
    ]


def test_what_could_not_be_observed_is_not_covered():
    [(status, message, observed)] = judge(seen("health_check", "http:api", "unknown"), *LOGS)

    assert status == "warning"
    assert "did not cover uptime" in message
    assert observed == 1


def test_what_the_gate_held_back_is_only_noted():
    gate = seen("gate", "gate:change", "critical")

    assert [status for status, _, _ in judge(UPTIME, gate)] == ["info"]


def test_findings_of_another_system_do_not_count():
    assert judge(UPTIME, *[{**one, "system": "quay"} for one in LOGS])[0][0] == "warning"


def test_other_cadences_are_not_judged():
    assert judge(cadence="weekly") == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "daily"),
        ({"tags": ["all"]}, "daily"),
        ({"tags": ["log_rotation"]}, ""),
        ({"skip_tags": ["backup"]}, ""),
    ],
)
def test_a_run_of_some_tags_is_not_judged(fields: dict[str, t.Any], expected: str):
    assert cadence_of([log.run_started(playbook="playbooks/daily.yml", **fields)]) == expected


def test_a_run_without_a_start_is_not_judged():
    assert cadence_of([]) == ""
