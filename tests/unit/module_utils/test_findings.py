# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The schema of the finding."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep import findings
from ansible.module_utils.upkeep.findings import (
    FindingError,
    complete,
    finding,
    fingerprint,
    judge,
    worst,
)


def test_a_finding_has_all_partial_fields_and_sorted_requirements() -> None:
    part = finding(
        "unit:a", "ok", "fine", requirements=["R-fairedge-05", "R-fairedge-04", "R-fairedge-04"]
    )
    assert tuple(part) == findings.PARTIAL_FIELDS
    assert part["requirements"] == ["R-fairedge-04", "R-fairedge-05"]


def test_complete_adds_where_it_was_seen() -> None:
    full = complete(finding("unit:a", "ok", "fine"), system="s", host="h", area="health_check")
    assert tuple(full) == findings.FIELDS
    assert full["fingerprint"] == fingerprint("s", "h", "health_check", "unit:a")


def test_lines_to_read_stay_with_the_finding() -> None:
    part = finding("log:a", "info", "two", lines=["first", "second"])
    full = complete(part, system="s", host="h", area="log_review")

    assert full["lines"] == ["first", "second"]
    assert "lines" not in finding("log:a", "info", "none")


@pytest.mark.parametrize("lines", [["x"] * 51, ["x" * 301], [1]])
def test_lines_are_bounded(lines: list[t.Any]) -> None:
    with pytest.raises(FindingError, match="'lines' of 'log:a' must be a list of at most 50"):
        finding("log:a", "info", "too much", lines=lines)


def test_fingerprint_does_not_depend_on_what_was_observed() -> None:
    one = complete(finding("a:b", "warning", "x", observed=1), system="s", host="h", area="a")
    other = complete(finding("a:b", "critical", "y", observed=2), system="s", host="h", area="a")
    assert one["fingerprint"] == other["fingerprint"]


def test_fingerprint_keeps_neighbours_apart() -> None:
    assert fingerprint("ab", "c", "d", "e") != fingerprint("a", "bc", "d", "e")


@pytest.mark.parametrize(
    ("partial", "named"),
    [
        ("text", "mapping"),
        ({"check": "a:b", "status": "ok", "message": "m", "hots": 1}, "hots"),
        ({"check": "", "status": "ok", "message": "m"}, "check"),
        ({"check": "a:b", "status": "OK", "message": "m"}, "OK"),
        ({"check": "a:b", "status": "ok"}, "message"),
        ({"check": "a:b", "status": "ok", "message": " "}, "message"),
        ({"check": "a:b", "status": "ok", "message": "m", "unit": 3}, "unit"),
        (
            {"check": "a:b", "status": "ok", "message": "m", "requirements": "R-x-01"},
            "requirements",
        ),
        ({"check": "a:b", "status": "ok", "message": "m", "requirements": ["R-X-1"]}, "R-X-1"),
    ],
)
def test_what_does_not_fit_is_named(partial: object, named: str) -> None:
    with pytest.raises(FindingError, match=named):
        findings.validate_partial(partial)


def test_area_must_be_a_name() -> None:
    with pytest.raises(FindingError, match="area"):
        complete(finding("a:b", "ok", "m"), system="s", host="h", area="Health Check")


@pytest.mark.parametrize(
    ("value", "worse", "expected"),
    [
        (89, "above", "ok"),
        (90, "above", "ok"),
        (91, "above", "warning"),
        (95, "above", "warning"),
        (96, "above", "critical"),
        (11, "below", "ok"),
        (10, "below", "ok"),
        (9, "below", "warning"),
        (4, "below", "critical"),
    ],
)
def test_judge_counts_the_limit_itself_as_within(value: float, worse: str, expected: str) -> None:
    limits = {"above": (90, 95), "below": (10, 5)}[worse]
    assert judge(value, *limits, worse=worse) == expected  # type: ignore[arg-type]


def test_worst_of_nothing_is_unknown() -> None:
    assert worst([]) == "unknown"
    assert worst(["ok", "warning", "unknown"]) == "unknown"
    assert worst(["ok", "critical", "unknown"]) == "critical"
