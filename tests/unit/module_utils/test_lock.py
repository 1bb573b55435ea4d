# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease that lets one run at a time change a system."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.upkeep import lock
from ansible.module_utils.upkeep.lock import Lease, LockError, LockOutcome

NOW = 1_000_000.0
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


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


def test_the_same_run_takes_it_again(path: Path) -> None:
    lock.take(path, lease("one"), now=NOW)

    assert lock.take(path, lease("one", NOW + 99), now=NOW).state == "renewed"
    assert lock.read(path) == lease("one", NOW + 99)


def test_another_run_is_refused_and_learns_who_holds_it(path: Path) -> None:
    lock.take(path, lease("one"), now=NOW)

    outcome = lock.take(path, lease("two"), now=NOW)

    assert outcome == LockOutcome("held", lease("one"))
    assert lock.as_finding(outcome, "alpha")["status"] == "critical"
    assert lock.read(path) == lease("one")


@pytest.mark.parametrize("how", [{"steal": True}, {"steal_from": "one"}, {"now": NOW + 61}])
def test_takeover(path: Path, how: dict[str, object]) -> None:
    lock.take(path, lease("one"), now=NOW)

    given: dict[str, Any] = {"now": NOW, **how}
    outcome = lock.take(path, lease("two", NOW + 999), **given)

    assert outcome.state == "taken_over"
    assert lock.as_finding(outcome, "alpha")["status"] == "info"


def test_a_dead_run_is_only_taken_over_while_it_is_the_holder(path: Path) -> None:
    lock.take(path, lease("three"), now=NOW)

    assert lock.take(path, lease("two"), now=NOW, steal_from="one").state == "held"


def test_of_many_at_once_one_takes_it(path: Path) -> None:
    outcomes: list[str] = []

    def taking(number: int) -> None:
        outcomes.append(lock.take(path, lease(f"run-{number}"), now=NOW).state)

    threads = [threading.Thread(target=taking, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["held"] * 7 + ["taken"]


class TestRenewing:
    def test_the_holder_extends_its_lease(self, path: Path) -> None:
        lock.take(path, lease("one"), now=NOW)
        later = replace(lease("one", NOW + 500), taken_at=NOW + 50)

        assert lock.renew(path, later).state == "renewed"
        assert lock.read(path) == lease("one", NOW + 500)

    def test_an_expired_lease_that_nobody_took_is_extended(self, path: Path) -> None:
        lock.take(path, lease("one", NOW - 60), now=NOW - 90)

        assert lock.renew(path, lease("one")).state == "renewed"

    def test_a_lease_that_is_gone_is_lost(self, path: Path) -> None:
        outcome = lock.renew(path, lease("one"))

        assert outcome == LockOutcome("lost", None)
        assert not path.exists()

    def test_a_lease_that_another_run_took_is_lost_and_left_alone(self, path: Path) -> None:
        lock.take(path, lease("two"), now=NOW)

        outcome = lock.renew(path, lease("one"))

        assert outcome == LockOutcome("lost", lease("two"))
        assert lock.read(path) == lease("two")
        found = lock.as_finding(outcome, "alpha")
        assert found["status"] == "critical"
        assert "no longer holds the lock of alpha, run two" in found["message"]


def test_release_leaves_another_runs_lease_alone(path: Path) -> None:
    assert lock.release(path, "one").state == "free"
    lock.take(path, lease("one"), now=NOW)

    assert lock.release(path, "two").state == "held"
    assert lock.release(path, "one").state == "released"
    assert lock.read(path) is None


@pytest.mark.parametrize("options", [{"steal": True}, {"steal_from": "one"}])
def test_inspect_calls_free_what_would_be_taken_over(path: Path, options: dict[str, Any]) -> None:
    lock.take(path, lease("one"), now=NOW)

    assert lock.inspect(path, now=NOW).state == "held"
    assert lock.inspect(path, now=NOW, **options).state == "free"
    assert lock.inspect(path, now=NOW, steal_from="two").state == "held"


def test_inspect_writes_nothing(path: Path) -> None:
    assert lock.inspect(path, now=NOW).state == "free"
    assert not path.parent.exists()
    lock.take(path, lease("one"), now=NOW)

    assert lock.inspect(path, now=NOW).state == "held"
    assert lock.inspect(path, now=NOW + 61).state == "free"


TIMES = {"run_id": "x", "owner": "o", "controller": "c", "process": "1:1", "taken_at": 1}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        json.dumps({"run_id": "x"}),
        json.dumps({**TIMES, "expires_at": "soon"}),
        json.dumps({**TIMES, "expires_at": True}),
        json.dumps({**TIMES, "expires_at": float("nan")}),
        json.dumps({**TIMES, "expires_at": -1}),
        json.dumps({**TIMES, "expires_at": 2, "owner": None}),
        json.dumps({**TIMES, "expires_at": 2, "from_a_later_version": 1}),
        "[" * 100_000,
        " " * 100_000,
    ],
)
def test_a_damaged_file_closes_the_lock(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)

    with pytest.raises(LockError, match=r"alpha\.json"):
        lock.take(path, lease("one"), now=NOW)


def test_a_lease_of_the_version_before_is_respected(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({**TIMES, "expires_at": NOW + 60}))

    assert lock.take(path, lease("one"), now=NOW).state == "held"


def test_a_link_is_not_followed_when_the_lease_is_written(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    path.parent.mkdir()
    path.symlink_to(tmp_path / "precious")

    with pytest.raises(LockError, match="cannot be read"):
        lock.take(path, lease("one"), now=NOW)

    assert (tmp_path / "precious").read_text() == "precious"


@as_root
def test_a_lease_of_somebody_else_closes_the_lock(path: Path) -> None:
    lock.take(path, lease("one"), now=NOW)
    os.chown(path, 65534, 65534)

    with pytest.raises(LockError, match="belongs to the user id 65534"):
        lock.take(path, lease("two"), now=NOW + 61)


def test_a_holder_with_control_characters_does_not_reach_the_terminal(path: Path) -> None:
    hostile = replace(lease("one"), owner="\x1b[2J" + "x" * 500)

    text = str(lock.as_finding(LockOutcome("held", hostile), "alpha"))

    assert "\x1b" not in text
    assert len(text) < 1000


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LockError, match="file"):
        lock.take(tmp_path / "file" / "alpha.json", lease("one"), now=NOW)
