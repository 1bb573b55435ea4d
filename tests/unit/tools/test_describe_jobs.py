# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the jobs of a profile do, in words: every shipped entry has some, limits have a side."""

from __future__ import annotations

from typing import Any

import pytest

from tools import PROJECT, describe_jobs, describe_logs, profiles

LISTS = [
    (system, name, entries)
    for system in profiles.systems(PROJECT)
    for name, entries in profiles.load(PROJECT, system).items()
    if name.removeprefix("system_") in describe_jobs.SECTIONS
]


@pytest.mark.parametrize(
    ("system", "name", "entries"), LISTS, ids=[f"{system}-{name}" for system, name, _ in LISTS]
)
def test_no_entry_is_shown_as_program_text(
    system: str, name: str, entries: list[dict[str, Any]]
) -> None:
    section = describe_jobs.SECTIONS[name.removeprefix("system_")]
    rows = list(section.rows(entries))

    assert len(rows) >= len(entries)

    for cells, _ in rows:
        assert len(cells) == len(section.head)
        assert not any("{'" in cell or cell == "" for cell in cells), cells


def rows_of(**log: Any) -> list[list[str]]:
    """Return the cells of all rows of one log."""
    entry = {"name": "app", "paths": ["/var/log/a.log"], "reviews": [], **log}
    return [cells for cells, _ in describe_logs.log_reviews([entry])]


def review(**options: Any) -> list[str]:
    _, cells = rows_of(reviews=[options])
    return cells[1:]


def test_each_log_names_its_format() -> None:
    found = "format found out when it is read"
    assert rows_of(format="python", unfit_percent=2)[0][1] == (
        "`/var/log/a.log`: format `python`, unknown with more than 2 % other lines"
    )
    assert f": {found}, unknown with more than 5 %" in rows_of()[0][1]


def test_every_shipped_file_names_a_format_that_is_known() -> None:
    unnamed = [
        f"{system}: {entry['name']}"
        for system, name, entries in LISTS
        for entry in entries
        if name == "system_log_reviews"
        and entry.get("kind", "file") == "file"
        and entry.get("format", "auto") in ("auto", "text")
    ]

    assert unnamed == []


def test_a_log_is_read_when_one_of_its_reviews_is_due() -> None:
    reviews = [
        {"name": "a", "pattern": "x", "cadences": ["weekly"]},
        {"name": "b", "pattern": "y", "cadences": ["daily"]},
    ]
    assert rows_of(reviews=reviews)[0][3] == "daily, weekly"
    assert rows_of(reviews=reviews, cadences=["daily"])[0][3] == "daily"
    assert rows_of(reviews=[{"name": "a", "pattern": "x"}])[0][3] == "always"
    assert rows_of(silent_after="1h")[0][3:5] == ["always", "above 1 h"]


@pytest.mark.parametrize(
    ("options", "asked", "limits"),
    [
        ({"levels": ["error"], "warning": 3}, "error lines", ["24 h", "always", "above 3", "-"]),
        (
            {"measure": "share", "pattern": " 5.. ", "window": "1h", "critical": 50},
            "share of lines with ` 5.. ` among all",
            ["1 h", "always", "-", "above 50 %"],
        ),
        (
            {
                "measure": "duration",
                "pattern": "done",
                "number": "ms",
                "window": "7d",
                "trend_percent": 50,
                "unit": "ms",
            },
            "average of `ms` in lines with `done`",
            ["7 days", "always", "above the previous time by 50 %", "-"],
        ),
        (
            {
                "measure": "newest",
                "pattern": "Using",
                "expected": "Using A",
                "window": "since_start",
                "cadences": ["daily"],
            },
            "the newest of lines with `Using` is `Using A`",
            ["since the last start", "daily", "otherwise", "-"],
        ),
        ({"pattern": "ok", "at_least": 5}, "lines with `ok`", ["24 h", "always", "below 5", "-"]),
    ],
)
def test_reviews_of_logs(options: dict[str, Any], asked: str, limits: list[str]) -> None:
    assert review(name="x", **options) == [f"`/var/log/a.log`: {asked}", *limits]


def test_figures_that_may_not_fall_are_bad_below() -> None:
    figure = {
        "name": "ok",
        "kind": "figure",
        "component": "postgresql",
        "database": "shop",
        "query": "SELECT 1",
    }
    checks = [
        {**figure, "worse": "below", "unit": "%", "aspects": {"value": {"warning": 90}}},
        figure,
    ]
    (limited, _), (told, _) = describe_jobs.data_quality(checks)

    assert limited == [
        "`figure:ok`",
        "`SELECT 1` in `shop`",
        "postgresql",
        "always",
        "below 90 %",
        "-",
    ]
    assert told[4:] == ["-", "-"]
