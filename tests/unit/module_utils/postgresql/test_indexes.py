# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which indexes are due, and which invalid ones may go."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.postgresql.indexes import (
    Index,
    InvalidIndex,
    Pages,
    bloat_percent,
    plan_drops,
    plan_rebuilds,
    select,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.postgresql.made import reindex

INDEX: t.Final = Index(
    oid=10,
    table_oid=1,
    schema="public",
    name="idx_a",
    known_as=("idx_a", "public.idx_a"),
    method="btree",
    bytes=8 * 1024 * 1024,
    fillfactor=90,
    valid=True,
    exclusion=False,
    folder="",
)
TIGHT: t.Final = Pages(internal=3, leaf=1000, empty=0, deleted=0, density=90.0)
LEFT_OVER: t.Final = InvalidIndex(
    oid=11,
    table_oid=1,
    schema="public",
    name="idx_a_ccnew",
    twin=True,
    constraint=False,
    being_built=False,
)


@pytest.mark.parametrize(
    ("pages", "fillfactor", "dead", "expected"),
    [
        (TIGHT, 90, 0.0, 0),
        (replace(TIGHT, density=45.0), 90, 0.0, 50),
        (replace(TIGHT, density=45.0), 45, 0.0, 0),
        (replace(TIGHT, density=99.0), 70, 0.0, 0),
        (replace(TIGHT, deleted=1004), 90, 0.0, 50),
        (replace(TIGHT, empty=1004), 90, 0.0, 50),
        (TIGHT, 90, 0.5, 50),
        (Pages(internal=0, leaf=0, empty=0, deleted=99, density=float("nan")), 90, 0.0, 99),
        (Pages(internal=0, leaf=0, empty=0, deleted=0, density=float("nan")), 90, 0.0, 0),
    ],
)
def test_bloat_counts_half_full_and_given_up_pages(
    pages: Pages, fillfactor: int, dead: float, expected: float
) -> None:
    assert bloat_percent(pages, fillfactor, dead) == pytest.approx(expected, abs=0.3)


@given(
    st.builds(
        Pages,
        internal=st.integers(0, 10**5),
        leaf=st.integers(1, 10**7),
        empty=st.integers(0, 10**5),
        deleted=st.integers(0, 10**5),
        density=st.floats(0, 100),
    ),
    st.integers(10, 100),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_planning_for_more_dead_rows_never_finds_less_bloat(
    pages: Pages, fillfactor: int, expected: float, real: float
) -> None:
    low, high = sorted((expected, real))

    assert (
        0
        <= bloat_percent(pages, fillfactor, low)
        <= bloat_percent(pages, fillfactor, high) + 1e-9
        <= 100 + 1e-6
    )


@pytest.mark.requirement("R-hyperopt-19")
def test_named_indexes_are_selected_by_bare_or_qualified_name() -> None:
    other = replace(INDEX, oid=12, name="idx_b", known_as=("idx_b", "public.idx_b"))
    leaf = replace(
        INDEX, oid=13, name="p1_idx", known_as=("p1_idx", "public.p1_idx", "p_idx", "public.p_idx")
    )
    chosen = select([INDEX, other, leaf], reindex(indexes=["public.idx_a", "p_idx", "gone"]))

    assert [index.name for index in chosen.indexes] == ["idx_a", "p1_idx"]
    assert chosen.missing == ("gone",)


def test_what_cannot_be_measured_is_named_when_it_was_asked_for() -> None:
    odd = [
        replace(INDEX, oid=20, name="gin", known_as=("gin",), method="gin"),
        replace(INDEX, oid=21, name="broken", known_as=("broken",), valid=False),
        replace(INDEX, oid=22, name="excl", known_as=("excl",), exclusion=True),
    ]

    assert select(odd, reindex(indexes=["gin", "broken", "excl"])).unmeasurable == (
        "public.gin",
        "public.broken",
        "public.excl",
    )
    assert select(odd, reindex()).unmeasurable == ()
    assert select(odd, reindex()).indexes == ()


def test_small_indexes_are_left_alone() -> None:
    assert select([INDEX], reindex(min_size_mb=9)).indexes == ()
    assert select([INDEX], reindex(min_size_mb=8)).indexes == (INDEX,)


def test_most_waste_first_and_only_above_the_limit() -> None:
    large = replace(INDEX, oid=14, name="large", bytes=80 * 1024 * 1024)
    measured = [
        (INDEX, replace(TIGHT, density=9.0)),
        (large, replace(TIGHT, density=45.0)),
        (replace(INDEX, oid=15, name="fine"), replace(TIGHT, density=63.5)),
    ]
    plan = plan_rebuilds("app", measured, reindex(bloat_percent=30), {})

    assert [action.name for action in plan] == ["large", "idx_a"]
    assert plan[0].reason == "50 % of 80.0 MB is unused, limit 30 %"


def test_a_planned_vacuum_counts_as_done() -> None:
    assert plan_rebuilds("app", [(INDEX, TIGHT)], reindex(), {}) == []
    assert len(plan_rebuilds("app", [(INDEX, TIGHT)], reindex(), {INDEX.table_oid: 0.4})) == 1


@pytest.mark.parametrize(
    ("change", "drop"),
    [
        ({}, True),
        ({"name": "idx_a_ccnew3"}, True),
        ({"name": "idx_a_ccold"}, True),
        ({"name": "idx_a_ccnew\n"}, False),
        ({"name": "idx_a_ccnewer"}, False),
        ({"name": "idx_a"}, False),
        ({"twin": False}, False),
        ({"constraint": True}, False),
        ({"being_built": True}, False),
    ],
)
def test_only_a_left_over_with_a_valid_twin_is_dropped(
    change: dict[str, t.Any], drop: bool
) -> None:
    assert bool(plan_drops("app", [replace(LEFT_OVER, **change)])) is drop
