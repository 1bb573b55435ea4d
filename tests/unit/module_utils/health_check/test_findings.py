# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings that a check owes whatever happened."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.findings import (
    complete,
    has_failed,
    not_judged,
    with_own,
)

from tests.unit.module_utils.health_check.checks import parse

CHECK: t.Final = parse(
    {
        "name": "x",
        "kind": "http",
        "url": "http://a/",
        "latency": {"warning_ms": 9},
        "requirements": ["R-demo-01"],
    }
)


@pytest.mark.parametrize(
    ("own", "latency", "failed"),
    [
        ("ok", "critical", False),
        ("warning", "ok", False),
        ("critical", "ok", True),
        ("unknown", "ok", True),
    ],
)
def test_a_slow_answer_alone_is_not_a_failure(own: str, latency: str, failed: bool) -> None:
    findings = [CHECK.finding(own, "m"), CHECK.finding(latency, "m", aspect="latency")]

    assert has_failed(CHECK.id, findings) is failed


def test_without_a_finding_of_its_own_the_worst_counts() -> None:
    found = CHECK.finding("critical", "m", aspect="latency")

    assert has_failed(CHECK.id, [found])
    assert has_failed(CHECK.id, [])


def test_every_row_that_is_due_is_there() -> None:
    rows = not_judged(CHECK, "not judged")
    completed = complete(CHECK, [CHECK.finding("critical", "m")])

    assert [row["check"] for row in rows] == ["http:x", "http:x.latency"]
    assert [row["check"] for row in completed] == ["http:x", "http:x.latency"]
    assert completed[1]["status"] == "unknown"
    assert completed[1]["requirements"] == ["R-demo-01"]


def test_what_came_before_an_attempt_went_wrong_is_kept() -> None:
    own, late = CHECK.finding("ok", "answered"), CHECK.finding("unknown", "ended")
    aspect = CHECK.finding("ok", "m", aspect="latency")

    assert with_own(CHECK, [own], late) == [own]
    assert with_own(CHECK, [aspect], late) == [late, aspect]
