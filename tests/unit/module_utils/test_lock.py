# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease that lets one run at a time change a system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.upkeep import lock
from ansible.module_utils.upkeep.lock import Lease, LockError

NOW = 1_000_000.0


def lease(run_id: str, until: float = NOW + 60) -> Lease:
    return Lease(
        run_id=run_id, owner="me", controller="c", process="1:2", taken_at=NOW, expires_at=until
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "alpha.json"


def test_a_free_lock_is_taken_and_can_be_read(path: Path) -> None:
    assert lock.take(path, lease("one"), now=NOW).state == "taken"
    assert lock.read(path) == lease("one")


def test_the_same_run_renews(path: Path) -> None:
    lock.take(path, lease("one"), now=NOW)
    assert lock.take(path, lease("one", NOW + 99), now=NOW).state == "renewed"
    assert lock.read(path) == lease("one", NOW + 99)


def test_another_run_is_held_off_and_told_by_whom(path: Path) -> None:
    lock.take(path, lease("one"), now=NOW)
    outcome = lock.take(path, lease("two"), now=NOW)
    assert (outcome.state, outcome.holder) == ("held", lease("one"))
    assert lock.as_finding(outcome, "alpha")["status"] == "critical"
    assert lock.read(path) == lease("one")


@pytest.mark.parametrize("how", [{"steal": True}, {"steal_from": "one"}, {"now": NOW + 61}])
def test_takeover(path: Path, how: dict[str, object]) -> None:
    lock.take(path, lease("one"), now=NOW)
    outcome = lock.take(path, lease("two", NOW + 999), **{"now": NOW, **how})  # type: ignore[arg-type]
    assert outcome.state == "taken_over"
    assert lock.as_finding(outcome, "alpha")["status"] == "info"


def test_a_dead_run_is_only_taken_over_while_it_is_the_holder(path: Path) -> None:
    lock.take(path, lease("three"), now=NOW)
    assert lock.take(path, lease("two"), now=NOW, steal_from="one").state == "held"


def test_release_leaves_another_runs_lease_alone(path: Path) -> None:
    assert lock.release(path, "one").state == "free"
    lock.take(path, lease("one"), now=NOW)
    assert lock.release(path, "two").state == "held"
    assert lock.release(path, "one").state == "released"
    assert lock.read(path) is None


def test_inspect_writes_nothing(path: Path) -> None:
    assert lock.inspect(path, now=NOW).state == "free"
    assert not path.parent.exists()
    lock.take(path, lease("one"), now=NOW)
    assert lock.inspect(path, now=NOW).state == "held"
    assert lock.inspect(path, now=NOW + 61).state == "free"


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"run_id": "x"})])
def test_a_damaged_file_closes_the_lock(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(LockError, match=r"alpha\.json"):
        lock.take(path, lease("one"), now=NOW)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockError, match="file"):
        lock.take(tmp_path / "file" / "alpha.json", lease("one"), now=NOW)
