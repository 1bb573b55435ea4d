# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever call of the system fails while sets are made or verified: loud, or no harm is done."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import typing as t

import pytest
from ansible.module_utils.upkeep.backup.run import BackupError

from tests.faults.conftest import (
    FULL,
    HOURS,
    bad_sets,
    bytes_of,
    is_loud,
    leftovers,
    sample,
)
from tests.unit.module_utils.backup.conftest import START, Shop, statuses

#: More calls than one run makes.
MOST_CALLS: t.Final = 400
KEEP: t.Final = {"last": 2, "days": 0}
#: Without these nothing can be written at all; the others are tried in a full run.
SHORT: t.Final = ("fsync", "rename", "mkdir")
LONG: t.Final = ("write", "open", "unlink", "rmdir", "replace", "fchmod", "listdir", "fstat")
ERRORS: t.Final = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


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


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", [*SHORT, *LONG] if FULL else SHORT)
def test_a_failing_call_is_loud_or_the_set_is_good_and_the_next_run_converges(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, error: str
) -> None:
    shop.backup()
    for number in range(1, MOST_CALLS):
        shop.later(days=1)
        failing = FailingCall(name, number, ERRORS[error])
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing)
            loud = is_loud(shop, retention=KEEP)

        if failing.calls < number:
            break

        # What only looks, or tidies up, may fail without harm; what writes may not.
        assert loud or name in LONG, f"call {number} of {name}"
        assert loud or statuses(shop.backup(state="observed"))["backup:age"] == "ok"
        assert bad_sets(shop) == {}
        assert statuses(shop.backup(retention=KEEP))["backup:age"] == "ok"
        assert leftovers(shop) == []
    else:
        pytest.fail("it never came to an end")

    assert number > 1 or name not in SHORT


@pytest.mark.parametrize("name", ["fsync", "rename"])
def test_a_failing_call_while_sets_are_verified_harms_no_set(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shop.backup()
    before = bytes_of(shop.root / shop.names()[0])
    for number in range(1, MOST_CALLS):
        shop.later(hours=1)
        failing = FailingCall(name, number, errno.EIO)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing)
            try:
                found = statuses(shop.verify(reread_days=0, promised_hours=HOURS))
            except BackupError:
                found = {"backup:verification": "unknown"}

        if failing.calls < number:
            break

        assert "critical" not in found.values()
        assert bytes_of(shop.root / shop.names()[0]) == before
        assert bad_sets(shop) == {}


def limited(shop: Shop, most: int, answer: t.Any) -> None:
    """Make a set where no file can be larger than ``most`` bytes; in a process of its own."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    answer.put(is_loud(shop, artefacts=[shop.files_artefact(), shop.sqlite_artefact()]))


SIZES: t.Final = (0, 1, 100, 500, 700, 2000, 5000, 10_000, 20_000)


@pytest.mark.parametrize("most", sample(SIZES, 3))
def test_a_disk_that_ends_within_a_file_is_loud(shop: Shop, most: int) -> None:
    shop.backup()
    (shop.app / "data").write_bytes(os.urandom(60_000))
    shop.later(days=1)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=limited, args=(shop, most, answer))
    process.start()
    loud = answer.get(timeout=60)
    process.join()

    assert loud
    assert shop.names() == [START.strftime("%Y%m%dT%H%M%SZ")]
    assert bad_sets(shop) == {}
    assert statuses(shop.backup())["backup:age"] == "ok"


MOMENTS: t.Final = sample([number / 100 for number in range(2, 42, 2)], 4)


@pytest.mark.parametrize("seconds", MOMENTS)
def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_clear(
    shop: Shop, seconds: float
) -> None:
    shop.backup()
    (shop.app / "data").write_bytes(os.urandom(2_000_000))
    shop.later(days=1)
    process = multiprocessing.get_context("fork").Process(
        target=shop.backup, kwargs={"retention": KEEP}
    )
    process.start()
    process.join(seconds)
    process.kill()
    process.join()

    assert bad_sets(shop) == {}
    assert statuses(shop.backup(retention=KEEP))["backup:age"] == "ok"
    assert leftovers(shop) == []
    assert bad_sets(shop) == {}


def test_two_runs_at_once_take_turns(shop: Shop) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=shop.backup) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(shop.names()) == 1


def test_whatever_is_done_twice_changes_no_byte_the_second_time(shop: Shop) -> None:
    entries = [shop.files_artefact(), shop.sqlite_artefact()]
    shop.backup(artefacts=entries, hold="before the move")
    shop.later(days=9)
    shop.backup(artefacts=entries)
    name = shop.names()[0]
    calls: list[t.Callable[[], object]] = [
        lambda: shop.backup(artefacts=entries, retention={"last": 1, "days": 1}),
        lambda: shop.backup(check_mode=True, reason="demand"),
        lambda: shop.backup(state="observed"),
        lambda: shop.verify(),
        lambda: shop.verify(release=[name]),
    ]
    for number, call in enumerate(calls):
        call()
        before = bytes_of(shop.root)
        shop.later(minutes=5)
        call()

        assert bytes_of(shop.root) == before, f"call {number}"
