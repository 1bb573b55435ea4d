# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one call: all checks of a host."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.run import run
from ansible.module_utils.upkeep.health_check.settings import parse

PORT: t.Final = {"name": "p", "kind": "tcp", "port": 1}
MEMORY: t.Final = {"name": "m", "kind": "memory"}


def found(folder: Path, *checks: dict[str, t.Any], check_mode: bool = False) -> list[Finding]:
    settings = parse({"checks": list(checks), "state_file": str(folder / "health.json")})

    return run(settings, check_mode=check_mode)


def test_a_host_without_checks_has_one_finding(tmp_path: Path) -> None:
    assert [one["check"] for one in found(tmp_path)] == ["health:checks"]


def test_findings_come_in_the_order_of_the_checks(tmp_path: Path) -> None:
    findings = found(tmp_path, PORT, MEMORY, {**PORT, "name": "q"})

    assert [one["check"] for one in findings] == ["tcp:p", "memory:m", "tcp:q"]
    assert list(tmp_path.iterdir()) == [], "nothing to keep, so no file"


def test_a_severity_softens_the_check_itself(tmp_path: Path) -> None:
    [finding] = found(tmp_path, {**PORT, "severity": "warning"})

    assert finding["status"] == "warning"


def test_what_is_counted_over_runs_is_kept_but_not_in_check_mode(tmp_path: Path) -> None:
    counted = {**PORT, "fall": 2}

    planned = found(tmp_path, counted, check_mode=True)
    left = list(tmp_path.iterdir())
    first, second = found(tmp_path, counted), found(tmp_path, counted)

    assert left == []
    assert [run_[0]["status"] for run_ in (planned, first, second)] == [
        "warning",
        "warning",
        "critical",
    ]
    assert second[-1]["check"] == "health:state"
