# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New records of a baseline: what a host answers is taken as hostile."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
import yaml

from upkeep.actions.app_tests_baseline import AnswerError, merge, render

TODAY: t.Final = dt.date(2026, 3, 1)
OLD: t.Final[dict[str, t.Any]] = {
    "value": 9.0,
    "unit": "ms",
    "approved_by": "A. Reviewer",
    "date": "2025-01-31",
    "tolerance": {"warning_percent": 70},
}
BASELINE: t.Final = {"shop-1": {"search_time": OLD}, "shop-2": {"search_time": OLD}}


def merged(answers: dict[str, t.Any], **asked: list[str]) -> dict[str, t.Any]:
    wanted = {host.replace("_", "-"): names for host, names in asked.items()}
    return merge(BASELINE, answers, wanted, "B. Reviewer", TODAY)


def test_value_and_unit_are_the_host_s_and_the_rest_is_ours() -> None:
    lie = {
        "value": 12,
        "unit": "ms",
        "approved_by": "The chief",
        "date": "2099-01-01",
        "tolerance": {"warning_percent": 1e9},
    }
    found = merged({"shop-1": {"search_time": lie}}, shop_1=["search_time"])

    assert found["shop-1"]["search_time"] == {
        **OLD,
        "value": 12.0,
        "approved_by": "B. Reviewer",
        "date": "2026-03-01",
    }
    assert found["shop-2"] == BASELINE["shop-2"]


def test_what_a_host_was_not_asked_for_is_not_taken() -> None:
    answers = {
        "shop-1": {"search_time": {"value": 1}, "page_time": {"value": 1}},
        "shop-2": {"search_time": {"value": 1}},
        "elsewhere": {"search_time": {"value": 1}},
    }
    found = merged(answers, shop_1=["search_time"])

    assert set(found) == {"shop-1", "shop-2"}
    assert set(found["shop-1"]) == {"search_time"}
    assert found["shop-2"] == BASELINE["shop-2"]


@pytest.mark.parametrize(
    "record",
    [
        None,
        "12 ms",
        {},
        {"value": "12"},
        {"value": True},
        {"value": 0},
        {"value": -1},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": 1, "unit": "ms\n  lookup: x"},
        {"value": 1, "unit": "x" * 17},
        {"value": 1, "unit": ["ms"]},
    ],
)
def test_an_answer_that_is_not_a_record_is_refused(record: t.Any) -> None:
    with pytest.raises(AnswerError, match="host 'shop-1' answered"):
        merged({"shop-1": {"search_time": record}}, shop_1=["search_time"])


@pytest.mark.parametrize("answer", [None, [], "text", {}])
def test_a_host_that_answered_nothing_is_refused(answer: t.Any) -> None:
    with pytest.raises(AnswerError, match="answered no record"):
        merged({"shop-1": answer}, shop_1=["search_time"])


def test_the_file_is_read_back_as_it_was_written() -> None:
    text = render("shop", {"shop-1": {"search_time": {**OLD, "unit": "{{ x }}"}}})

    assert yaml.safe_load(text)["shop-1"]["search_time"]["unit"] == "{{ x }}"
    assert text.startswith("---\n# Approved figures of the performance tests of shop.")


def test_texts_that_come_through_ansible_are_written_as_text() -> None:
    class TaggedText(str):
        __slots__ = ()

    tagged = {TaggedText("shop-1"): {TaggedText("search_time"): {"unit": TaggedText("ms")}}}

    assert render("shop", tagged) == render("shop", {"shop-1": {"search_time": {"unit": "ms"}}})
