# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which sets may go: a pure decision on names, moments and what is known of the sets.

Only a newer verified set makes one redundant, and only for what it holds itself: a week of failures
deletes nothing, nor do sets made before changes delete the only copy of what they lack.
"""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .settings import RetentionSettings

#: Clocks of a host and its time server differ by less than this.
CLOCK_TOLERANCE: t.Final = timedelta(minutes=5)


class KnownSet(t.Protocol):
    """What the decision needs to know of a set."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def created(self) -> datetime:
        """When it was begun."""

    @property
    def artefacts(self) -> frozenset[str]:
        """The names of what it holds."""

    @property
    def is_verified(self) -> bool:
        """Whether it was found good."""

    @property
    def may_expire(self) -> bool:
        """Whether enough is known of it to delete it."""

    @property
    def held(self) -> str:
        """Why it must not expire, '' when it may."""


@dataclass(frozen=True)
class RetentionPlan:
    """What may go, the oldest first; ``problem`` is why nothing may, '' when the plan holds."""

    expired: tuple[str, ...]
    problem: str = ""


def plan(
    sets: Sequence[KnownSet],
    policy: RetentionSettings,
    now: datetime,
    artefacts: Collection[str] = (),
) -> RetentionPlan:
    """Return the sets that are redundant at a moment.

    The policy holds for all sets, and for the sets that have each of ``artefacts``.

    A set from the future means that a clock jumped: then no age can be believed, nothing may go.
    """
    ahead = [one.name for one in sets if one.created > now + CLOCK_TOLERANCE]
    if ahead:
        return RetentionPlan((), f"the set {ahead[-1]} is from the future: the clock jumped")

    ordered = sorted(sets, key=lambda one: one.created)
    kept = {one.name for one in ordered if one.held or not one.may_expire}
    kept |= {one.name for one in ordered if now - one.created <= timedelta(days=policy.days)}
    kept |= _kept_of(ordered, policy)
    for name in artefacts:
        kept |= _kept_of([one for one in ordered if name in one.artefacts], policy)

    return RetentionPlan(tuple(one.name for one in ordered if one.name not in kept))


def _kept_of(ordered: Sequence[KnownSet], policy: RetentionSettings) -> set[str]:
    """Return the sets that nothing replaces; all of them when none was found good."""
    good = [one for one in ordered if one.is_verified]
    if not good:
        return {one.name for one in ordered}

    kept = {one.name for one in good[-policy.last :]}
    kept |= {one.name for one in ordered if one.created >= good[-1].created}
    kept |= _newest_of_each(good, lambda moment: moment.isocalendar()[:2], policy.weekly)
    kept |= _newest_of_each(good, lambda moment: (moment.year, moment.month), policy.monthly)

    return kept


def _newest_of_each(
    good: Sequence[KnownSet], period: t.Callable[[datetime], tuple[int, ...]], most: int
) -> set[str]:
    """Return the newest verified set of each of the last ``most`` periods that have one."""
    newest = {period(one.created): one.name for one in good}

    return {newest[key] for key in sorted(newest)[-most:]} if most else set()
