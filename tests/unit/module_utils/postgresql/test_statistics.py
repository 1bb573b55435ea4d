# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tables are due, decided on statistics alone."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils.upkeep.postgresql.statistics import (
    TableStats,
    plan_tables,
    why_analyze,
    why_vacuum,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.postgresql.made import analyze, vacuum

NOW: t.Final = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
TABLE: t.Final = TableStats(
    oid=1,
    schema="public",
    name="orders",
    partitioned=False,
    parents=(),
    live=10_000,
    dead=0,
    modified=0,
    inserted=0,
    last_analyze=NOW - timedelta(days=1),
    last_vacuum=NOW - timedelta(days=1),
    freeze_age=1000,
)


def table(**changes: t.Any) -> TableStats:
    return replace(TABLE, **changes)


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


@pytest.mark.requirement("R-hyperopt-17")
@pytest.mark.parametrize(
    ("stats", "due"),
    [
        (table(last_analyze=None), True),
        (table(last_analyze=days(8), modified=1), True),
        (table(last_analyze=days(8), modified=0), False),
        (table(last_analyze=days(6.9), modified=9000), False),
        (table(last_analyze=days(7), modified=9000), False),
        (table(last_analyze=NOW, modified=9000), False),
    ],
)
def test_analyze_is_due_weekly_where_rows_changed(stats: TableStats, due: bool) -> None:
    assert bool(why_analyze(stats, analyze(due_after_days=7), NOW)) is due


def test_analyze_waits_for_the_asked_share_of_changes() -> None:
    settings = analyze(min_changed_percent=10)
    assert why_analyze(table(last_analyze=days(8), modified=999), settings, NOW) is None
    assert why_analyze(table(last_analyze=days(8), modified=1000), settings, NOW)


@pytest.mark.requirement("R-hyperopt-18")
@pytest.mark.parametrize(
    ("stats", "due"),
    [
        (table(last_vacuum=None), True),
        (table(last_vacuum=days(8), dead=1), True),
        (table(last_vacuum=days(8), inserted=1), True),
        (table(last_vacuum=days(8)), False),
        (table(last_vacuum=days(6), dead=1999), False),
        (table(last_vacuum=days(6), dead=4000), True),
        (table(last_vacuum=days(6), live=100, dead=900), False),
        (table(last_vacuum=NOW - timedelta(minutes=59), dead=9000), False),
        (table(last_vacuum=NOW - timedelta(minutes=61), dead=9000), True),
        (table(last_vacuum=None, partitioned=True), False),
        (table(freeze_age=150_000_001), True),
        (table(freeze_age=150_000_000), False),
        (table(freeze_age=150_000_001, last_vacuum=NOW), False),
    ],
)
def test_vacuum_is_due_weekly_or_for_dead_or_old_rows(stats: TableStats, due: bool) -> None:
    settings = vacuum(
        due_after_days=7, dead_tuple_percent=20, dead_tuples_min=1000, freeze_age=150_000_000
    )
    assert bool(why_vacuum(stats, settings, NOW)) is due


def test_both_are_one_action_and_the_worst_table_comes_first() -> None:
    tables = [
        table(oid=1, name="quiet"),
        table(oid=2, name="stale", last_analyze=None),
        table(oid=3, name="dirty", last_analyze=None, last_vacuum=None, dead=500),
        table(oid=4, name="old", freeze_age=200_000_000, dead=9),
    ]
    plan = plan_tables("app", tables, analyze(), vacuum(freeze_age=150_000_000), NOW)

    assert [(action.name, action.action) for action in plan] == [
        ("dirty", "vacuum_analyze"),
        ("old", "vacuum_freeze"),
        ("stale", "analyze"),
    ]
    assert plan[0].reason == "never vacuumed; never analysed"


def test_a_partition_is_not_analysed_a_second_time_under_its_parent() -> None:
    parent = table(oid=1, name="parent", partitioned=True, last_analyze=None)
    leaf = table(oid=2, name="leaf", parents=(1,), last_analyze=None, last_vacuum=None)
    plan = plan_tables("app", [parent, leaf], analyze(), vacuum(), NOW)

    assert [(action.name, action.action) for action in plan] == [
        ("leaf", "vacuum"),
        ("parent", "analyze"),
    ]


def test_nothing_is_planned_for_what_was_not_asked() -> None:
    never = table(last_analyze=None, last_vacuum=None)

    assert plan_tables("app", [never], None, None, NOW) == []
    assert [action.action for action in plan_tables("app", [never], None, vacuum(), NOW)] == [
        "vacuum"
    ]
    assert [action.action for action in plan_tables("app", [never], analyze(), None, NOW)] == [
        "analyze"
    ]


moments = st.none() | st.integers(0, 10**7).map(lambda seconds: NOW - timedelta(seconds=seconds))
counts = st.integers(0, 10**9)


def tables_of(
    oids: range, partitioned: bool, parents: st.SearchStrategy[t.Any]
) -> st.SearchStrategy[TableStats]:
    return st.builds(
        TableStats,
        oid=st.sampled_from(oids),
        schema=st.just("public"),
        name=st.text(min_size=1, max_size=3),
        partitioned=st.just(partitioned),
        parents=parents,
        live=counts,
        dead=counts,
        modified=counts,
        inserted=counts,
        last_analyze=moments,
        last_vacuum=moments,
        freeze_age=counts,
    )


parents = tables_of(range(1, 4), True, st.just(()))
leaves = tables_of(range(4, 10), False, st.lists(st.sampled_from(range(1, 4)), max_size=2))


@given(st.lists(parents | leaves, max_size=6, unique_by=lambda item: item.oid), st.floats(1, 60))
def test_a_second_run_finds_nothing_whatever_the_counters_say(
    tables: list[TableStats], age: float
) -> None:
    aspects = (analyze(due_after_days=age), vacuum(due_after_days=age, freeze_age=1_000_000))
    verbs = {action.oid: action.action for action in plan_tables("app", tables, *aspects, NOW)}
    analysed = {oid for oid, verb in verbs.items() if "analyze" in verb}

    def after(item: TableStats) -> TableStats:
        """Return the times that PostgreSQL would note.

        The counters may stay (an old transaction, new writes).
        """
        covered = item.oid in analysed or analysed.intersection(item.parents)
        return replace(
            item,
            last_analyze=NOW if covered else item.last_analyze,
            last_vacuum=NOW if verbs.get(item.oid, "").startswith("vacuum") else item.last_vacuum,
        )

    assert plan_tables("app", [after(item) for item in tables], *aspects, NOW) == []
