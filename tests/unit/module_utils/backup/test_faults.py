# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever call fails: a run fails loudly, publishes nothing bad, and the next one converges."""

from __future__ import annotations

import errno
import multiprocessing
import os
import typing as t

import pytest
from ansible.module_utils.upkeep.backup.run import BackupError

from tests.unit.module_utils.backup.conftest import START, Shop, message, statuses

#: More calls than one run makes.
MOST_CALLS: t.Final = 60


class FailingCall:
    """Stands in for a function of os and fails at its n-th call."""

    def __init__(self, name: str, number: int, error: int) -> None:
        self._real = getattr(os, name)
        self._number = number
        self._error = error
        self.calls = 0

    def __call__(self, *arguments: t.Any, **named: t.Any) -> t.Any:
        self.calls += 1
        if self.calls == self._number:
            raise OSError(self._error, os.strerror(self._error))
        return self._real(*arguments, **named)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", ["fsync", "rename", "mkdir"])
def test_a_failing_call_is_loud_and_the_next_run_converges(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, error: int
) -> None:
    shop.backup()
    for number in range(1, MOST_CALLS):
        shop.later(days=1)
        failing = FailingCall(name, number, error)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing)
            loud = run_is_loud(shop)

        if failing.calls < number:
            break

        assert loud, f"call {number} of {name}"
        assert all_published_sets_are_good(shop)
        assert statuses(shop.backup())["backup:age"] == "ok"
        assert list(shop.root.glob(".making*")) == []
    else:
        pytest.fail("it never came to an end")

    assert number > 1


def run_is_loud(shop: Shop) -> bool:
    """Return whether a run fails, or says in a finding that it made no set."""
    try:
        answer = shop.backup(retention={"last": 2, "days": 0})
    except BackupError:
        return True
    return "critical" in statuses(answer).values()


def all_published_sets_are_good(shop: Shop) -> bool:
    """Return whether every set that has its name is whole."""
    answer = shop.verify(reread_days=0, promised_hours=10_000)
    return set(statuses(answer).values()) == {"ok"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 1", "zstd ended with 1"),
        ("head -c 100", "zstd stopped reading"),
        ("cat >/dev/null", "cannot be read to the end"),
        ("sleep 60", "it took longer than"),
    ],
)
def test_a_zstd_that_misbehaves_leaves_no_set(
    shop: Shop, stand_in: t.Callable[[str, str], None], body: str, reason: str
) -> None:
    stand_in("zstd", body)
    (shop.app / "data").write_bytes(os.urandom(200_000))

    answer = shop.backup(
        artefacts=[{**shop.files_artefact(), "max_seconds": 2 if "sleep" in body else 600}]
    )

    assert reason in message(answer, "backup:files")
    assert shop.names() == []


def test_two_runs_at_once_take_turns(shop: Shop) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=shop.backup) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(shop.names()) == 1


def test_a_clock_that_jumped_back_deletes_nothing(shop: Shop) -> None:
    for _ in range(3):
        shop.backup()
        shop.later(days=10)
    shop.now = START

    answer = shop.backup(reason="demand", retention={"last": 1, "days": 0})

    assert statuses(answer)["backup:retention"] == "critical"
    assert len(shop.names()) == 4


def test_retention_deletes_sets_and_what_is_known_of_them(shop: Shop) -> None:
    for _ in range(4):
        shop.backup()
        shop.later(days=10)

    answer = shop.backup(retention={"last": 2, "days": 0})

    assert len(answer["expired"]) == 3
    assert len(shop.names()) == 2
    assert len(list((shop.root / ".records").iterdir())) == 2
