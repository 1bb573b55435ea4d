# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures that cannot work are refused by name."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.postgresql.settings import (
    Analyze,
    Login,
    Reindex,
    SettingsError,
    milliseconds,
    parse_databases,
)


def test_an_aspect_that_is_left_out_is_not_looked_after() -> None:
    (database,) = parse_databases(
        [{"name": "app", "analyze": {"due_after_days": 3}, "vacuum": None}]
    )

    assert database.analyze == Analyze(due_after_days=3)
    assert database.vacuum is None
    assert database.reindex is None


def test_lists_become_tuples_and_missing_figures_the_defaults() -> None:
    entry = {
        "name": "app",
        "reindex": {"indexes": ["a"], "requirements": ["R-hyperopt-19"], "bloat_percent": None},
    }
    (database,) = parse_databases([entry])

    assert database.reindex == Reindex(indexes=("a",), requirements=("R-hyperopt-19",))
    assert database.requirements("reindex") == ("R-hyperopt-19",)
    assert database.requirements("vacuum") == ()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "a\0b"}, ["NUL"]),
        (
            {"name": "app", "analyze": {"due_after_days": 0}},
            ["app", "analyze.due_after_days", "at least 1"],
        ),
        ({"name": "app", "vacuum": {"due_after_days": 0.5}}, ["vacuum.due_after_days is 0.5"]),
        ({"name": "app", "vacuum": {"freeze_age": 5}}, ["vacuum.freeze_age is 5"]),
        (
            {"name": "app", "vacuum": {"dead_tuple_percent": 101}},
            ["vacuum.dead_tuple_percent is 101"],
        ),
        (
            {"name": "app", "connections": {"warning_percent": -1}},
            ["connections.warning_percent is -1"],
        ),
        (
            {"name": "app", "reindex": {"bloat_percent": 10}},
            ["reindex.bloat_percent is 10", "at least 30"],
        ),
        ({"name": "app", "reindex": {"min_size_mb": 0}}, ["reindex.min_size_mb is 0"]),
        ({"name": "app", "reindex": {"indexes": ["ok", ""]}}, ["reindex.indexes"]),
        (
            {"name": "app", "long_running": {"warning_seconds": 0}},
            ["long_running.warning_seconds is 0"],
        ),
        ({"name": "app", "statements": {"show": 0}}, ["statements.show is 0; from 1 to 50"]),
        ({"name": "app", "statements": {"least_calls": 0}}, ["statements.least_calls is 0"]),
        ({"name": "app", "index_use": {"least_days": -1}}, ["index_use.least_days is -1"]),
    ],
)
def test_the_error_names_the_figure(entry: dict[str, t.Any], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_databases([entry])
    assert [word for word in words if word not in str(caught.value)] == []


def test_two_entries_for_one_database_are_refused() -> None:
    with pytest.raises(SettingsError, match="app"):
        parse_databases([{"name": "app"}, {"name": "app"}])


@pytest.mark.parametrize(("text", "expected"), [("500ms", 500), ("2s", 2000), ("1min", 60000)])
def test_durations(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "0s", "2", "-1s", "1.5s", "1h", "2s\n", "1s; DROP TABLE x"])
def test_a_duration_that_would_wait_for_ever_or_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match="lock_timeout"):
        milliseconds(text)


def test_the_password_is_not_shown() -> None:
    assert "hidden" not in repr(Login(password="hidden"))  # noqa: S106 - a made-up word


@pytest.mark.parametrize(
    ("host", "local"), [("", True), ("/run/postgresql", True), ("db.example.org", False)]
)
def test_the_file_system_is_looked_at_only_when_it_is_ours(host: str, local: bool) -> None:
    assert Login(host=host).local is local
