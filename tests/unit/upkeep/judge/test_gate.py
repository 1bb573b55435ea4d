# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate's decision."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.upkeep.acceptance import write
from ansible.module_utils.upkeep.findings import Finding, complete, finding
from ansible.module_utils.upkeep.preflight.findings import acceptance_finding

from upkeep.judge.gate import HOLDING_CHECKS, decide


def seen(host: str, check: str = "unit:app", status: str = "ok") -> Finding:
    return complete(finding(check, status, "m"), system="s", host=host, area="a")


def ask(**changes: object) -> list[str]:
    given: dict[str, object] = {
        "hosts": ["h1", "h2"],
        "live": {"h1", "h2"},
        "findings": {"h1": [seen("h1")], "h2": [seen("h2")]},
        "holding_checks": HOLDING_CHECKS,
        "required_checks": [],
        **changes,
    }
    decision = decide(**given)  # type: ignore[arg-type]

    assert decision.cleared is (decision.reasons == [])

    return decision.reasons


def test_all_well_clears() -> None:
    assert ask() == []


@pytest.mark.parametrize("status", ["critical", "unknown"])
def test_one_bad_host_holds_the_system(status: str) -> None:
    reasons = ask(findings={"h1": [seen("h1")], "h2": [seen("h2", status=status)]})
    assert reasons == [f"h2 has unit:app ({status})"]


@pytest.mark.parametrize("status", ["ok", "info", "warning"])
def test_lesser_statuses_do_not_hold(status: str) -> None:
    assert ask(findings={"h1": [seen("h1")], "h2": [seen("h2", status=status)]}) == []


def test_a_full_disk_does_not_hold_the_rotation_that_frees_it() -> None:
    assert ask(findings={"h1": [seen("h1")], "h2": [seen("h2", "filesystem:/", "critical")]}) == []


def test_a_host_that_nobody_accepted_is_only_looked_at(tmp_path: Path) -> None:
    mark = tmp_path / "accepted.json"
    new = complete(
        acceptance_finding(mark, "h2", required=True), system="s", host="h2", area="preflight"
    )

    assert ask(findings={"h1": [seen("h1")], "h2": [seen("h2"), new]}) == [
        "h2 has host:accepted (critical)"
    ]

    write(mark, "on-call", "run-1")
    known = complete(
        acceptance_finding(mark, "h2", required=True), system="s", host="h2", area="preflight"
    )

    assert ask(findings={"h1": [seen("h1")], "h2": [seen("h2"), known]}) == []


def test_a_failed_host_holds() -> None:
    assert "h2 failed" in ask(live={"h1"})[0]


def test_a_host_nobody_looked_at_holds() -> None:
    assert "not looked at" in ask(findings={"h1": [seen("h1")]})[0]


def test_a_host_left_out_holds_unless_allowed() -> None:
    assert "--limit" in ask(in_play={"h1"})[0]
    assert ask(in_play={"h1"}, allow_unseen=True) == []


def test_a_required_check_that_nobody_made_holds() -> None:
    assert ask(required_checks=["lock:*"]) == ["no host reported a check 'lock:*'"]
