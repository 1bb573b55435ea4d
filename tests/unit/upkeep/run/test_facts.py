# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings as facts keyed by run id."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.run import events
from upkeep.run import facts as run_facts
from upkeep.run.findings import complete_all


def seen(status: str, check: str = "unit:a") -> Finding:
    return complete(finding(check, status, "m"), system="s", host="h", area="a")


@pytest.fixture(autouse=True)
def _run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(events.ENV_RUN_ID, "now")


def test_only_this_runs_findings_are_kept() -> None:
    merged = run_facts.merge_findings({"old": [seen("critical")]}, [seen("ok")])
    assert merged == {"now": [seen("ok")]}


def test_the_latest_state_of_a_finding_wins() -> None:
    merged = run_facts.merge_findings(
        {"now": [seen("critical"), seen("ok", "unit:b")]}, [seen("ok")]
    )
    assert merged == {"now": [seen("ok"), seen("ok", "unit:b")]}


def test_without_a_run_id_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(events.ENV_RUN_ID)
    with pytest.raises(AnsibleActionFail, match="callback"):
        run_facts.merge_findings({}, [seen("ok")])


def test_a_host_without_system_and_doubles_are_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="no system"):
        complete_all([], system="", host="h", area="a")
    with pytest.raises(AnsibleActionFail, match="unit:a"):
        complete_all([finding("unit:a", "ok", "m")] * 2, system="s", host="h", area="a")
