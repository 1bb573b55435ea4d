# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether checks fail: made here, known from elsewhere, and as they count for a run."""

from __future__ import annotations

import json
import socket
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.self_heal.check_runner import CheckResults, CheckRunner

from tests.unit.module_utils.self_heal.units import settings


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def runner(tmp_path: Path, *checks: dict[str, t.Any], **values: t.Any) -> CheckRunner:
    state = str(tmp_path / "health.json")
    return CheckRunner(settings(checks=list(checks), health_state_file=state, **values))


def test_checks_are_made_here_and_known_from_elsewhere(tmp_path: Path, closed_port: int) -> None:
    elsewhere = {"status": "critical", "host": "db"}
    checks = runner(
        tmp_path,
        {"name": "here", "kind": "tcp", "port": closed_port},
        {"name": "there", "kind": "tcp", "port": 1, "component": "postgresql"},
        {"name": "unseen", "kind": "tcp", "port": 1, "component": "postgresql"},
        {"name": "well", "kind": "tcp", "port": 1, "component": "redis"},
        components=["app"],
        failed_elsewhere={
            "tcp:there": elsewhere,
            "tcp:here": elsewhere,
            "tcp:unseen": {"status": "unknown", "host": "db"},
        },
    )

    results = checks.now(["tcp:here", "tcp:there", "tcp:unseen", "tcp:well"])

    assert results == CheckResults(
        ("tcp:here", "tcp:there (critical on db)"), ("tcp:unseen (unknown on db)",)
    )


def test_a_check_that_cannot_be_made_is_unknown_with_its_reason(tmp_path: Path) -> None:
    check = {"name": "big", "kind": "log_line", "path": "/nowhere/x.log", "pattern": "x"}
    checks = runner(tmp_path, {**check, "missing": "unknown"})

    results = checks.counted(["log_line:big"])

    assert results.failed == ()
    assert results.unknown[0].startswith("log_line:big (")


class TestCounting:
    def test_a_failure_that_is_only_a_warning_does_not_count(
        self, tmp_path: Path, closed_port: int
    ) -> None:
        check = {"name": "api", "kind": "tcp", "port": closed_port, "severity": "warning"}
        checks = runner(tmp_path, check)

        assert checks.counted(["tcp:api"]) == CheckResults()
        assert checks.now(["tcp:api"]).failed == ("tcp:api",)

    def test_a_first_failure_of_three_does_not_count(
        self, tmp_path: Path, closed_port: int
    ) -> None:
        check = {"name": "api", "kind": "tcp", "port": closed_port, "fall": 3}
        checks = runner(tmp_path, check, run="run-1")

        assert checks.counted(["tcp:api"]) == CheckResults()
        assert checks.counted(["tcp:api"]) == CheckResults()

    def test_the_look_of_this_run_is_not_counted_twice(
        self, tmp_path: Path, closed_port: int
    ) -> None:
        check = {"name": "api", "kind": "tcp", "port": closed_port, "fall": 3}

        def state(against: int, before: int) -> str:
            def part(count: int) -> dict[str, t.Any]:
                return {"memories": {}, "streaks": {"tcp:api": [False, count]}}

            return json.dumps(
                {"version": 1, **part(against), "run": "run-3", "before": part(before)}
            )

        path = tmp_path / "health.json"

        path.write_text(state(2, 1))
        assert runner(tmp_path, check, run="run-3").counted(["tcp:api"]) == CheckResults()

        path.write_text(state(0, 2))
        assert runner(tmp_path, check, run="run-3").counted(["tcp:api"]).failed == ("tcp:api",)

    def test_the_count_of_health_is_only_read(self, tmp_path: Path, closed_port: int) -> None:
        check = {"name": "api", "kind": "tcp", "port": closed_port, "fall": 3}

        runner(tmp_path, check).counted(["tcp:api"])

        assert list(tmp_path.iterdir()) == []
