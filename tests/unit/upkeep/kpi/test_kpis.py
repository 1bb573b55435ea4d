# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which findings are samples of which key figure, and what counts as kept."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.upkeep import run_log as log
from upkeep.kpi import kpis

UPTIME: t.Final = {
    "name": "uptime",
    "title": "Uptime",
    "check": "http:dashboard",
    "measure": "ok",
    "unit": "%",
    "target": {"at_least": 99.9},
    "alert": {"at_least": 95},
}
MEMORY: t.Final = {
    "name": "memory",
    "check": "memory:memory",
    "unit": "%",
    "target": {"at_most": 80},
}


def seen(check: str, status: str = "ok", **fields: t.Any) -> dict[str, t.Any]:
    found: dict[str, t.Any] = log.seen(
        check, status, system="racing", host=fields.pop("host", "racing-1"), **fields
    )
    return dict(found["finding"])


def values(
    *findings: dict[str, t.Any], wanted: t.Sequence[dict[str, t.Any]] = (UPTIME, MEMORY)
) -> list[t.Any]:
    first = kpis.first_states(findings)
    latest = {found["fingerprint"]: found for found in findings}
    made = kpis.samples({"racing": wanted}, latest.values(), first)
    return [(sample["kpi"], sample["host"], sample["value"], sample["met"]) for sample in made]


@pytest.mark.requirement("R-racing-50")
@pytest.mark.parametrize(
    ("status", "made"),
    [
        ("ok", [("uptime", "racing-1", 100.0, True)]),
        ("info", [("uptime", "racing-1", 100.0, True)]),
        ("warning", [("uptime", "racing-1", 0.0, False)]),
        ("critical", [("uptime", "racing-1", 0.0, False)]),
        ("unknown", []),
    ],
)
def test_uptime_is_made_of_whether_a_check_was_fine_and_unseen_is_no_sample(
    status: str, made: list[t.Any]
):
    assert values(seen("http:dashboard", status)) == made


def test_what_a_run_had_to_mend_was_down():
    down, up = seen("http:dashboard", "critical"), seen("http:dashboard", "ok")
    assert values(down, up) == [("uptime", "racing-1", 0.0, False)]


@pytest.mark.requirement("R-racing-54", "R-racing-55")
def test_an_observed_figure_is_taken_as_it_is_for_every_host():
    found = [
        seen("memory:memory", observed=value, host=host) for host, value in (("a", 41.5), ("b", 81))
    ]
    assert values(*found) == [("memory", "a", 41.5, True), ("memory", "b", 81.0, False)]


def test_another_area_or_check_is_no_source():
    assert values(seen("http:dashboard.latency"), seen("http:dashboard", area="log_review")) == []


def test_a_sample_can_be_read_on_its_own():
    [sample] = kpis.samples({"racing": [UPTIME]}, [seen("http:dashboard")], {})
    assert (sample["title"], sample["unit"], sample["target"], sample["alert"]) == (
        *("Uptime", "%"),
        *({"at_least": 99.9, "at_most": None}, {"at_least": 95, "at_most": None}),
    )


@pytest.mark.parametrize(
    ("observed", "number"),
    [(3, 3.0), ("41.5 MB", 41.5), ("-2e3", -2000.0), (True, None), ("none", None), (None, None)],
)
def test_a_number_may_stand_before_its_unit(observed: t.Any, number: float | None):
    assert kpis.number(observed) == number


@given(st.text() | st.floats() | st.none() | st.booleans() | st.lists(st.integers()))
def test_whatever_was_observed_is_a_number_or_none(observed: t.Any):
    made = kpis.number(observed)
    assert made is None or isinstance(made, float)


@pytest.mark.parametrize(
    ("given_bounds", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"at_least": 99.9}, "at least 99.9"),
        ({"at_most": 0}, "at most 0"),
        ({"at_least": 1, "at_most": 2}, "at least 1 and at most 2"),
    ],
)
def test_bounds_are_written_as_people_do(given_bounds: dict[str, float] | None, text: str):
    assert kpis.bounds_text(kpis.bounds_of(given_bounds)) == text
