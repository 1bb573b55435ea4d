# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last good entry stays, whatever its age; what may go, goes."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.cache_maintenance.settings import EntryClass, parse
from ansible.module_utils.upkeep.cache_maintenance.sweeping import CacheEntry, plan_sweep
from hypothesis import given
from hypothesis import strategies as st

DAY: t.Final = 86400.0


def kind(**options: t.Any) -> EntryClass:
    """Return a class with a life of a day."""
    entry = {"name": "html", "files": "*", "hours": 24, **options}
    cache = {"name": "x", "folder": "/a/b", "root": "/a", "classes": [entry]}

    return parse({"file_caches": [cache]}).file_caches[0].classes[0]


def entries(*days: float) -> list[CacheEntry]:
    """Return entries of these ages, named after their place."""
    return [
        CacheEntry(f"e{place}", age * DAY, 1, (place, 0)) for place, age in enumerate(sorted(days))
    ]


def everything(_entry: CacheEntry) -> bool:
    return True


def test_a_stale_entry_is_kept_until_three_lives_are_over() -> None:
    plan = plan_sweep(kind(), entries(0.1, 1.5, 2.9, 3.1), everything)

    assert [entry.name for entry in plan.remove] == ["e3"]
    assert plan.kept == []


def test_nothing_goes_when_nothing_valid_is_younger() -> None:
    plan = plan_sweep(kind(), entries(0.1, 4, 30), lambda entry: entry.age > DAY)

    assert plan.remove == []
    assert len(plan.kept) == 2
    assert "nothing valid is younger" in plan.reason


def test_nothing_goes_when_all_are_old_as_after_a_jump_of_the_clock() -> None:
    plan = plan_sweep(kind(), entries(400, 401), everything)

    assert plan.remove == []
    assert len(plan.kept) == 2


def test_a_younger_valid_entry_of_the_same_key_replaces_a_stale_one() -> None:
    found = [
        CacheEntry("may.2", 0.5 * DAY, 1, (1, 0)),
        CacheEntry("may.1", 1.5 * DAY, 1, (2, 0)),
        CacheEntry("june.1", 9 * DAY, 1, (3, 0)),
    ]
    plan = plan_sweep(kind(key=r"^(\w+)\."), found, everything)

    assert [entry.name for entry in plan.remove] == ["may.1"]
    assert [entry.name for entry in plan.kept] == ["june.1"]


def test_a_younger_entry_that_is_not_valid_replaces_nothing() -> None:
    found = [CacheEntry("may.2", 1.0, 1, (1, 0)), CacheEntry("may.1", 9 * DAY, 1, (2, 0))]
    plan = plan_sweep(kind(key=r"^(\w+)\."), found, lambda entry: entry.name == "may.1")

    assert plan.remove == []
    assert [entry.name for entry in plan.kept] == ["may.1"]


@pytest.mark.parametrize("key", [None, r"^(e)"])
@given(
    ages=st.lists(st.floats(min_value=0, max_value=100), max_size=12),
    valid=st.sets(st.integers(0, 11)),
)
def test_whatever_the_ages_the_youngest_valid_entry_stays(
    key: str | None, ages: list[float], valid: set[int]
) -> None:
    found = entries(*ages)

    def is_valid(entry: CacheEntry) -> bool:
        return entry.identity[0] in valid

    plan = plan_sweep(kind(key=key), found, is_valid)
    best = next((entry for entry in found if is_valid(entry)), None)

    assert best not in plan.remove
    assert len(set(plan.remove)) == len(plan.remove)
    assert not set(plan.remove) & set(plan.kept)
    assert best is not None or plan.remove == []
