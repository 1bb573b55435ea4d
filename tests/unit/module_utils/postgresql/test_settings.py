# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures that cannot work are refused by name."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.postgresql.settings import SettingsError, parse

from tests.unit.module_utils.postgresql.made import database


def test_an_aspect_that_is_left_out_is_not_looked_after() -> None:
    made = database(analyze={"due_after_days": 3}, vacuum=None)

    assert made.analyze
    assert made.analyze.due_after_days == 3
    assert made.vacuum is None
    assert made.reindex is None


def test_lists_become_tuples_and_missing_figures_the_defaults() -> None:
    made = database(
        reindex={"indexes": ["a"], "requirements": ["R-hyperopt-19"], "bloat_percent": None}
    )

    assert made.reindex
    assert made.reindex.indexes == ("a",)
    assert made.reindex.bloat_percent == 30
    assert made.requirements("reindex") == ("R-hyperopt-19",)
    assert made.requirements("vacuum") == ()


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"name": ""}, "databases[0].name is empty"),
        ({"name": "a\0b"}, "NUL"),
        (
            {"name": "app", "analyze": {"due_after_days": 0}},
            "databases 'app'.analyze.due_after_days is 0; at least 1, or every run would find work",
        ),
        ({"name": "app", "vacuum": {"due_after_days": 0.5}}, "vacuum.due_after_days is 0.5"),
        ({"name": "app", "vacuum": {"freeze_age": 5}}, "vacuum.freeze_age is 5; at least 1000000"),
        (
            {"name": "app", "vacuum": {"dead_tuple_percent": 101}},
            "vacuum.dead_tuple_percent is 101; from 0 to 100",
        ),
        (
            {"name": "app", "connections": {"warning_percent": -1}},
            "connections.warning_percent is -1",
        ),
        ({"name": "app", "reindex": {"bloat_percent": 10}}, "is 10; from 30 to 100, since a new"),
        ({"name": "app", "reindex": {"min_size_mb": 0}}, "reindex.min_size_mb is 0"),
        ({"name": "app", "reindex": {"indexes": ["ok", ""]}}, "reindex.indexes[1] is empty"),
        (
            {"name": "app", "long_running": {"warning_seconds": 0}},
            "long_running.warning_seconds is 0; above 0",
        ),
        ({"name": "app", "statements": {"show": 0}}, "statements.show is 0; from 1 to 50"),
        ({"name": "app", "statements": {"least_calls": 0}}, "statements.least_calls is 0"),
        ({"name": "app", "index_use": {"least_days": -1}}, "index_use.least_days is -1"),
        ({"name": "app", "vacum": {}}, "'vacum' is not a known name; did you mean 'vacuum'?"),
    ],
)
def test_the_error_names_the_figure(entry: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"databases": [entry]})

    assert sentence in str(caught.value)


def test_all_problems_come_at_once() -> None:
    entries = [{"name": "a", "vacuum": {"freeze_age": 5}}, {"name": "b", "analyse": {}}]
    with pytest.raises(SettingsError) as caught:
        parse({"databases": entries, "max_seconds": 0})

    assert len(str(caught.value).splitlines()) == 3


def test_two_entries_for_one_database_are_refused() -> None:
    with pytest.raises(SettingsError, match="duplicate name 'app'"):
        parse({"databases": [{"name": "app"}, {"name": "app"}]})


@pytest.mark.parametrize(("text", "expected"), [("500ms", 500), ("2s", 2000), ("1min", 60000)])
def test_durations(text: str, expected: int) -> None:
    assert parse({"databases": [], "lock_timeout": text}).lock_timeout_ms == expected


@pytest.mark.parametrize("text", ["", "0s", "2", "-1s", "1.5s", "1h", "2s\n", "1s; DROP TABLE x"])
def test_a_duration_that_would_wait_for_ever_or_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match="lock_timeout"):
        parse({"databases": [], "lock_timeout": text})
