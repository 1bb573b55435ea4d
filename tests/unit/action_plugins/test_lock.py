# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a lease need not be asked for again."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.upkeep.findings import complete, finding

from tools import PROJECT
from upkeep.run import events

TASK_VARS = {"groups": {"alpha": ["a1", "a2"], "beta": ["b1"]}}


def load() -> ModuleType:
    """Return the action plugin as a module."""
    spec = importlib.util.spec_from_file_location(
        "action_lock", PROJECT / "action_plugins" / "lock.py"
    )

    assert spec
    assert spec.loader

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


plugin = load()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the event log of the run that this process seems to belong to."""
    monkeypatch.setenv(events.ENV_RUN_ID, "now")
    monkeypatch.setenv(events.ENV_RUN_DIR, str(tmp_path))
    monkeypatch.delenv(events.ENV_TROUBLE, raising=False)

    return tmp_path / events.LOG_NAME


def asked(log: Path, age: float, **changes: Any) -> None:
    """Note that the lock of alpha was asked for some seconds ago."""
    moment = events.timestamp(datetime.now(UTC) - timedelta(seconds=age))
    task = {"host": "a1", "system": "alpha", "action": "lock", "status": "ok", "remote": 1}
    events.append(log, "task", **{**task, "time": moment, **changes})


def found(log: Path, status: str) -> None:
    """Note the finding on the lock of alpha."""
    seen = complete(finding("lock:system", status, "m"), system="alpha", host="a1", area="lock")
    events.append(log, "finding", finding=seen)


def test_a_lease_that_was_just_taken_is_fresh(log: Path) -> None:
    asked(log, 5)
    found(log, "ok")

    assert plugin._is_fresh("alpha", TASK_VARS)
    assert not plugin._is_fresh("beta", TASK_VARS)


@pytest.mark.parametrize(
    "changes",
    [{"age": 90}, {"age": -90}, {"remote": 0}, {"status": "failed"}, {"action": "gate"}],
    ids=["long ago", "clock went back", "not asked", "failed", "another task"],
)
def test_any_other_lease_is_asked_for_again(log: Path, changes: dict[str, Any]) -> None:
    asked(log, **{"age": 5, **changes})
    found(log, "ok")

    assert not plugin._is_fresh("alpha", TASK_VARS)


@pytest.mark.parametrize("status", ["critical", "unknown"])
def test_a_lease_of_another_run_is_never_fresh(log: Path, status: str) -> None:
    asked(log, 5)
    found(log, status)

    assert not plugin._is_fresh("alpha", TASK_VARS)


def test_without_a_finding_nothing_is_fresh(log: Path) -> None:
    asked(log, 5)

    assert not plugin._is_fresh("alpha", TASK_VARS)
