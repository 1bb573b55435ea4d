# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures that raise an alarm."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.findings import Finding, Limits, Subject, complete

from tests import evidence
from tools import PROJECT, profiles
from upkeep.kpi.alerts import LEAST_SAMPLES, DayMean, alerts

DEFINITION: t.Final = {
    "name": "success",
    "title": "Predictions that succeed",
    "check": "log:app.success",
    "area": "log_review",
    "unit": "%",
    "alert": {"at_least": 98},
}


def seen(value: float | None, check: str = "log:app.success", **details: t.Any) -> Finding:
    """Return what a run saw of a share."""
    part = Subject(check).finding("info", "told", observed=value, unit="%", **details)

    return complete(part, system="alpha", host="alpha-1", area="log_review")


@pytest.mark.parametrize(("value", "number"), [(98, 0), (97.9, 1), (None, 0)])
def test_a_figure_beyond_its_alarm_is_a_warning(value: float | None, number: int) -> None:
    assert len(alerts({"alpha": [DEFINITION]}, [seen(value)], {})) == number


def test_the_alarm_says_what_it_is_about() -> None:
    [found] = alerts({"alpha": [DEFINITION]}, [seen(90)], {})

    assert found["status"] == "warning"
    assert found["check"] == "kpi:success"
    assert found["expected"] == "at least 98"
    assert "Predictions that succeed is 90 %" in found["message"]


def test_a_check_with_limits_alarms_by_itself() -> None:
    limits = Limits(95, side="below").numbers

    assert alerts({"alpha": [DEFINITION]}, [seen(90, limits=limits)], {}) == []


def test_a_check_that_is_down_is_no_second_alarm() -> None:
    assert alerts({"alpha": [{**DEFINITION, "measure": "ok"}]}, [seen(0)], {}) == []


def test_what_a_run_saw_first_counts() -> None:
    mended = seen(100)

    assert len(alerts({"alpha": [DEFINITION]}, [mended], {mended["fingerprint"]: seen(0)})) == 1


@pytest.mark.parametrize(("value", "number"), [(98.0, 0), (97.9, 1)])
def test_racing_alarms_when_predictions_fail(value: float, number: int) -> None:
    definitions = profiles.load(PROJECT, "racing")["system_kpis"]
    part = Subject("log:dashboard.successful-predictions").finding("info", "told", observed=value)
    source = complete(part, system="racing", host="racing-1", area="log_review")
    found = alerts({"racing": definitions}, [source], {})

    assert [one["requirements"] for one in found] == [["R-racing-51", "R-racing-56"]] * number
    evidence.add("racing", found)


def day(mean: float, samples: int = 99) -> dict[tuple[str, str], DayMean]:
    return {("alpha", "success"): DayMean(samples, mean)}


@pytest.mark.parametrize(
    ("mean", "samples", "now", "number"),
    [
        (98, 99, 100, 0),
        (97.97, 99, 100, 1),
        (98, 99, 0, 1),
        (0, LEAST_SAMPLES - 2, 0, 0),
        (0, LEAST_SAMPLES - 1, 0, 1),
    ],
)
def test_a_check_that_was_down_too_often_in_a_day_is_an_alarm(
    mean: float, samples: int, now: float, number: int
) -> None:
    definition = {**DEFINITION, "measure": "ok"}
    source = {**seen(now), "status": "ok" if now else "critical"}
    found = alerts({"alpha": [definition]}, [source], {}, day(mean, samples))

    assert len(found) == number


def test_a_day_of_another_figure_is_no_alarm() -> None:
    assert alerts({"alpha": [DEFINITION]}, [seen(99)], {}, day(0)) == []


@pytest.mark.requirement("R-racing-50")
@pytest.mark.parametrize(("mean", "number"), [(95.0, 0), (94.0, 1)])
def test_racing_alarms_when_a_day_was_below_its_uptime(mean: float, number: int) -> None:
    definitions = profiles.load(PROJECT, "racing")["system_kpis"]
    part = Subject("http:dashboard").finding("ok", "answers")
    source = complete(part, system="racing", host="racing-1", area="health_check")
    found = alerts({"racing": definitions}, [source], {}, {("racing", "uptime"): DayMean(96, mean)})

    assert [one["check"] for one in found] == ["kpi:uptime"] * number
    assert all("in the last 24 hours (97 samples)" in one["message"] for one in found)
    evidence.add("racing", found)
