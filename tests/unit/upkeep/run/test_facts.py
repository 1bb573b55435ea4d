# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run has found so far is read from its event log, which only the controller writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import complete, finding

from upkeep.run import events, facts


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty event log of the run that this process seems to belong to."""
    monkeypatch.setenv(events.ENV_RUN_ID, "now")
    monkeypatch.setenv(events.ENV_RUN_DIR, str(tmp_path))
    monkeypatch.delenv(events.ENV_TROUBLE, raising=False)

    return tmp_path / events.LOG_NAME


def note(log: Path, host: str, check: str, status: str) -> None:
    """Append a finding to the log."""
    found = complete(finding(check, status, "m"), system="s", host=host, area="a")
    events.append(log, "finding", play="Look", finding=found)


def test_the_latest_state_of_each_check_counts(log: Path) -> None:
    note(log, "h", "unit:a", "critical")
    note(log, "h", "unit:b", "ok")
    note(log, "h", "unit:a", "ok")
    note(log, "other", "unit:a", "critical")

    found = facts.by_host(["h", "unseen"])

    assert {f["check"]: f["status"] for f in found["h"]} == {"unit:a": "ok", "unit:b": "ok"}
    assert found["unseen"] == []
    assert "other" not in found


def test_a_run_without_a_log_has_found_nothing(log: Path) -> None:
    assert facts.by_host(["h"]) == {"h": []}


def test_without_the_callback_there_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(events.ENV_RUN_ID, raising=False)
    monkeypatch.delenv(events.ENV_TROUBLE, raising=False)

    with pytest.raises(AnsibleActionFail, match="callback"):
        facts.require_run_id()


def test_a_run_that_cannot_be_kept_says_why(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(events.ENV_TROUBLE, "the store is full")

    with pytest.raises(AnsibleActionFail, match="the store is full"):
        facts.by_host(["h"])
