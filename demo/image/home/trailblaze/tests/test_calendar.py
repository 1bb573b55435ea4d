# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a page to events: nothing is lost, and what sites write in HTML arrives as it was meant."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest
from services import pages  # type: ignore[import-not-found]
from services.trailblaze import after, cursor_of  # type: ignore[import-not-found]

FIRST: t.Final = dt.date(2025, 11, 1)


def test_every_row_of_a_page_becomes_an_event() -> None:
    source = pages.page(FIRST)
    events = pages.events_of(source)
    assert len(events) == source.count("<tr>") == pages.RIDES
    assert all(event["location"].endswith("& meadow") for event in events)
    assert all(event["date_start"] <= event["date_end"] for event in events)


def test_a_page_without_rows_has_no_events() -> None:
    assert pages.events_of("<table></table>") == []


def test_months_go_over_the_end_of_a_year() -> None:
    found = pages.months(FIRST)
    assert found[1:3] == [dt.date(2025, 12, 1), dt.date(2026, 1, 1)]
    assert len(found) == pages.MONTHS


def test_an_entry_is_fetched_once_and_then_kept(tmp_path: Path) -> None:
    cache = pages.Cache(tmp_path, refresh=False)

    assert [
        cache.get("page.html", "html", lambda: "first"),
        cache.get("page.html", "html", lambda: "second"),
    ] == [
        "first",
        "first",
    ]
    assert (cache.hits, cache.misses) == (1, 1)


@pytest.mark.parametrize("number", [0, 1, 50, 2**40])
def test_a_cursor_stands_for_its_row(number: int) -> None:
    assert after(cursor_of(number)) == number


def test_a_cursor_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError):
        after("bm90LWEtbnVtYmVy")
