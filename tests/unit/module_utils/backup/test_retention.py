# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Retention never leaves fewer than the promised verified sets, whatever happens to them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils.upkeep.backup.manifest import set_name
from ansible.module_utils.upkeep.backup.retention import plan
from ansible.module_utils.upkeep.backup.settings import RetentionSettings
from hypothesis import settings, stateful
from hypothesis import strategies as st

NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
LISTED = ["database", "files"]
WEEK = RetentionSettings(last=3, days=7, weekly=0, monthly=0)


@dataclasses.dataclass
class PlainSet:
    """A set as retention sees it."""

    created: datetime
    is_verified: bool = True
    held: str = ""
    may_expire: bool = True
    artefacts: frozenset[str] = frozenset({"database", "files"})

    @property
    def name(self) -> str:
        """Its name."""
        return set_name(self.created)


def daily(days: int, is_verified: bool = True) -> list[PlainSet]:
    """Return a set for each of the last days, today's the last."""
    return [PlainSet(NOW - timedelta(days=ago), is_verified) for ago in reversed(range(days))]


def test_seven_days_keep_exactly_seven_days() -> None:
    sets = daily(10)

    assert plan(sets, WEEK, NOW).expired == tuple(one.name for one in sets[:2])


def test_the_last_good_sets_stay_however_old_they_are() -> None:
    sets = daily(10)

    assert len(plan(sets, WEEK, NOW + timedelta(days=365)).expired) == 7


def test_a_month_of_failures_deletes_no_good_set() -> None:
    good = [PlainSet(NOW - timedelta(days=60 + ago)) for ago in range(3)]
    failed = daily(30, is_verified=False)

    assert plan([*good, *failed], WEEK, NOW).expired == ()


def test_without_a_verified_set_nothing_goes() -> None:
    assert plan(daily(30, is_verified=False), WEEK, NOW).expired == ()


def test_a_damaged_set_goes_when_newer_ones_are_good() -> None:
    damaged = PlainSet(NOW - timedelta(days=20), is_verified=False)

    assert plan([damaged, *daily(5)], WEEK, NOW).expired == (damaged.name,)


def test_a_set_that_is_not_verified_is_not_the_last_of_its_month() -> None:
    """Hold borgbackup/borg #997: what was interrupted was kept, the whole one before it deleted."""
    good = PlainSet(NOW - timedelta(days=60, hours=2))
    interrupted = PlainSet(NOW - timedelta(days=60), is_verified=False)
    policy = RetentionSettings(last=1, days=7, weekly=0, monthly=3)

    assert plan([good, interrupted, *daily(3)], policy, NOW).expired == (interrupted.name,)


def test_a_held_set_stays() -> None:
    held = PlainSet(NOW - timedelta(days=500), held="before the move")

    assert plan([held, *daily(5)], WEEK, NOW).expired == ()


def test_a_set_of_which_too_little_is_known_stays() -> None:
    unknown = PlainSet(NOW - timedelta(days=500), is_verified=False, may_expire=False)

    assert plan([unknown, *daily(5)], WEEK, NOW).expired == ()


def test_a_set_from_the_future_stops_everything() -> None:
    outcome = plan([*daily(20), PlainSet(NOW + timedelta(days=1))], WEEK, NOW)

    assert outcome.expired == ()
    assert "the clock jumped" in outcome.problem


@pytest.mark.parametrize(("weekly", "monthly", "kept"), [(4, 0, 3 + 2), (0, 3, 3 + 2)])
def test_weeks_and_months_keep_their_newest(weekly: int, monthly: int, kept: int) -> None:
    policy = RetentionSettings(last=3, days=0, weekly=weekly, monthly=monthly)

    assert 90 - len(plan(daily(90), policy, NOW).expired) == kept


def test_sets_without_an_artefact_make_none_redundant_that_has_it() -> None:
    """As those before changes, which leave out what only the schedule keeps."""
    whole = PlainSet(NOW - timedelta(days=40))
    before_changes = [
        dataclasses.replace(one, artefacts=frozenset({"database"})) for one in daily(20)
    ]
    sets = [whole, *before_changes]

    assert whole.name in plan(sets, WEEK, NOW).expired
    assert whole.name not in plan(sets, WEEK, NOW, LISTED).expired
    assert len(plan(sets, WEEK, NOW, LISTED).expired) == 20 - 8


def test_what_the_profile_no_longer_lists_holds_nothing() -> None:
    old = PlainSet(NOW - timedelta(days=40), artefacts=frozenset({"database", "former"}))

    assert plan([old, *daily(5)], WEEK, NOW, ["database"]).expired == (old.name,)


class Retaining(stateful.RuleBasedStateMachine):
    """Sets come, are verified, damaged, held and expired, and the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.sets: list[PlainSet] = []
        self.policy = RetentionSettings(last=2, days=3, weekly=1, monthly=1)

    @stateful.rule(
        hours=st.integers(1, 400), good=st.booleans(), artefacts=st.sets(st.sampled_from(LISTED))
    )
    def make(self, hours: int, good: bool, artefacts: set[str]) -> None:
        """Make a set some time later."""
        self.now += timedelta(hours=hours)
        if all(one.created != self.now for one in self.sets):
            self.sets.append(PlainSet(self.now, good, artefacts=frozenset(artefacts)))

    @stateful.rule(days=st.integers(-40, 400))
    def jump(self, days: int) -> None:
        """Let the clock jump."""
        self.now += timedelta(days=days)

    @stateful.rule(data=st.data(), good=st.booleans(), held=st.sampled_from(["", "kept"]))
    @stateful.precondition(lambda self: bool(self.sets))
    def change(self, data: st.DataObject, good: bool, held: str) -> None:
        """Verify or damage a set, hold it or let it go."""
        one = data.draw(st.sampled_from(self.sets))
        one.is_verified, one.held = good, held

    @stateful.rule()
    def expire(self) -> None:
        """Delete what is redundant; the promises must hold."""
        good = [one for one in self.sets if one.is_verified]
        outcome = plan(self.sets, self.policy, self.now, LISTED)
        gone = [one for one in self.sets if one.name in outcome.expired]
        self.sets = [one for one in self.sets if one.name not in outcome.expired]
        left = [one for one in self.sets if one.is_verified]

        assert len(left) >= min(len(good), self.policy.last)
        for name in LISTED:
            having = [one for one in good if name in one.artefacts]
            still = [one for one in left if name in one.artefacts]
            assert len(still) >= min(len(having), self.policy.last)
        assert not any(one.held for one in gone)
        newest = max((one.created for one in left), default=self.now)
        assert all(one.created <= newest for one in gone)
        assert plan(self.sets, self.policy, self.now, LISTED).expired == ()


TestRetaining = Retaining.TestCase
TestRetaining.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
