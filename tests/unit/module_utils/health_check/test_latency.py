# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judging how long answers took."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.latency import judge_latency, scale_limits
from ansible.module_utils.upkeep.health_check.settings import parse_checks

from tests.unit.module_utils.health_check.checks import parse


def test_limits_of_latency_can_be_scaled() -> None:
    raw = {"kind": "http", "url": "http://127.0.0.1/"}
    limited = {"warning_ms": 200, "samples": 5}
    checks = parse_checks([{"name": "a", **raw, "latency": limited}, {"name": "b", **raw}])
    scaled = [check.options["latency"] for check in scale_limits(checks, 5)]

    assert scaled[0]["warning_ms"] == 1000
    assert scaled[0]["critical_ms"] is None
    assert scaled[0]["samples"] == 5
    assert scaled[1] is None
    assert checks[0].options["latency"]["warning_ms"] == 200


def judged(times: list[float], **options: t.Any) -> Finding:
    check = parse({"name": "a", "kind": "http", "url": "http://a/", "latency": options})

    return judge_latency(check, times)


@pytest.mark.parametrize(
    ("times", "status", "observed"),
    [([90.0], "ok", 90.0), ([90.0, 110.0], "warning", 110.0), ([201.0], "critical", 201.0)],
)
def test_the_95th_percentile_is_judged(times: list[float], status: str, observed: float) -> None:
    found = judged(times, samples=2, warning_ms=100, critical_ms=200)

    assert found["status"] == status
    assert found["observed"] == observed
    assert found["expected"] == "at most 100"
    assert found["limits"] == {"warning": 100, "critical": 200, "side": "above"}


def test_one_slow_answer_of_twenty_is_not_a_slow_service() -> None:
    assert judged([10.0] * 19 + [500.0], samples=20, warning_ms=100)["status"] == "ok"


def test_not_enough_answers_are_not_judged() -> None:
    found = judged([10.0], samples=5, minimum=2, warning_ms=100)

    assert found["status"] == "unknown"
    assert found["message"] == "not enough answers to judge (1 of 2)"
