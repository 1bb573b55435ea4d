# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A unit is stopped only when another one can take over, and is always started again."""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.upkeep.failover_test import testing
from ansible.module_utils.upkeep.failover_test.testing import NotTestedError, stop_and_watch

from tests.unit.module_utils.failover_test.conftest import TIMER, UNIT, Pair


def test_the_second_takes_over(pair: Pair) -> None:
    outcome = stop_and_watch(pair.service())

    assert outcome.seconds is not None
    assert outcome.seconds < 5
    assert outcome.answered_by == pair.second.address
    assert outcome.requests > 5
    assert outcome.back == ""
    assert pair.calls == [f"restart {TIMER}", f"stop {UNIT}", f"start {UNIT}", f"stop {TIMER}"]
    assert list((pair.folder / "run").iterdir()) == []


@pytest.mark.parametrize("broken", ["first", "second"])
def test_nothing_is_stopped_unless_both_answer(pair: Pair, broken: str) -> None:
    getattr(pair, broken).status = 500

    with pytest.raises(NotTestedError, match=r"it answers 500\), so nothing was stopped"):
        stop_and_watch(pair.service())

    assert pair.calls == []


def test_nothing_is_stopped_without_the_timer(pair: Pair) -> None:
    pair.refused.add(f"restart {TIMER}")

    with pytest.raises(NotTestedError, match="no timer can be set"):
        stop_and_watch(pair.service())

    assert f"stop {UNIT}" not in pair.calls
    assert list((pair.folder / "run").iterdir()) == []


def test_a_second_that_fails_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pair.order

    def order(verb: str, unit: str) -> None:
        if (verb, unit) == ("stop", UNIT):
            pair.second.status = 500
        real(verb, unit)

    monkeypatch.setattr(pair, "order", order)
    outcome = stop_and_watch(pair.service())

    assert outcome.seconds is None
    assert outcome.lost > 0
    assert outcome.back == ""
    assert f"start {UNIT}" in pair.calls


def test_what_cannot_be_stopped_is_started_all_the_same(pair: Pair) -> None:
    pair.refused.add(f"stop {UNIT}")
    pair.comes_back = False

    with pytest.raises(NotTestedError, match=f"refused; {UNIT} serves"):
        stop_and_watch(pair.service())

    assert f"start {UNIT}" in pair.calls
    assert f"stop {TIMER}" in pair.calls


def test_one_that_does_not_come_back_keeps_the_timer(pair: Pair) -> None:
    pair.comes_back = False

    outcome = stop_and_watch(pair.service(start_seconds=0.3))

    assert "ConnectionRefusedError" in outcome.back
    assert f"stop {TIMER}" not in pair.calls
    names = {path.name for path in (pair.folder / "run").iterdir()}
    assert names == {TIMER, TIMER.replace(".timer", ".service")}


def test_an_error_in_between_starts_it_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        """Sleeps like the real one, but for the time of the test."""

        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(seconds: float) -> None:
            if seconds == 1:
                raise KeyboardInterrupt
            time.sleep(seconds)

    monkeypatch.setattr(testing, "time", Clock)
    with pytest.raises(KeyboardInterrupt):
        stop_and_watch(pair.service())

    assert f"start {UNIT}" in pair.calls


@pytest.mark.parametrize("name", ["localhost", "127.1"])
def test_another_name_of_the_same_service_is_no_other_one(pair: Pair, name: str) -> None:
    other = f"{name}:{pair.address.rpartition(':')[2]}"

    with pytest.raises(NotTestedError, match="itself, so nothing was stopped"):
        stop_and_watch(pair.service(others=[other]))

    assert pair.calls == []
