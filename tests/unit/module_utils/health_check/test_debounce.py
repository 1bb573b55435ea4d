# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failures and good answers in a row."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check import debounce as streak
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.debounce import Streak, apply
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import parse


def check(**options: t.Any) -> Check:
    return parse({"name": "x", "kind": "tcp", "port": 1, **options})


def shown(made: Check, results: str) -> str:
    """Return how results (c, w, o, u) come out, one after the other."""
    words = {"c": "critical", "w": "warning", "o": "ok", "u": "unknown"}
    streak, out = Streak(), ""
    for result in results:
        found, streak = apply(made, made.finding(words[result], "seen"), streak)
        out += found["status"][0]

    return out


@pytest.mark.requirement("R-racing-58")
@pytest.mark.parametrize(
    ("options", "results", "out"),
    [
        ({"fall": 3}, "occcco", "owwcco"),
        ({"fall": 3}, "ccocc", "wwoww"),
        ({"fall": 2}, "cucuc", "wucuc"),
        ({"rise": 2}, "cococoo", "cccccco"),
        ({"fall": 2, "rise": 3}, "ccooowcc", "wcccowwc"),
        ({"fall": 2}, "wwcw", "wwww"),
        ({"fall": 2, "severity": "warning"}, "wwocc", "iwoic"),
        ({"fall": 2, "rise": 2, "severity": "warning"}, "wwooo", "iwwoo"),
    ],
)
def test_results_in_a_row(options: dict[str, int], results: str, out: str) -> None:
    assert shown(check(**options), results) == out


@given(st.text("cwou"), st.integers(1, 4), st.integers(1, 4))
def test_never_an_ok_for_a_failure_and_unknown_stays(results: str, fall: int, rise: int) -> None:
    for seen, out in zip(results, shown(check(fall=fall, rise=rise), results), strict=True):
        assert (seen == "u") == (out == "u")
        assert not (seen == "c" and out == "o")
    assert shown(check(), results) == results


@given(st.text("cwou"), st.integers(1, 4))
def test_a_warning_that_is_held_back_is_noted(results: str, fall: int) -> None:
    for seen, out in zip(
        results, shown(check(fall=fall, severity="warning"), results), strict=True
    ):
        assert seen in (out, "c", "w")
        assert out in ("i", seen)


def test_only_what_is_asked_for_needs_a_file() -> None:
    assert not streak.remembers(check())
    assert streak.remembers(check(rise=2))
    assert streak.remembers(parse({"name": "x", "kind": "cpu"}))
    assert streak.remembers(
        parse({"name": "x", "kind": "unit", "unit": "a", "max_new_restarts": 0})
    )
