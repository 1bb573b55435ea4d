# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures against their baseline, and records that are damaged."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.app_tests import baselines
from ansible.module_utils.upkeep.app_tests.junit import MeasuredFigure
from ansible.module_utils.upkeep.app_tests.settings import Figure

RECORD: t.Final = {"value": 12.0, "unit": "ms", "approved_by": "A. Reviewer", "date": "2025-01-31"}


@pytest.mark.requirement("R-student_success-32", "R-student_success-64")
@pytest.mark.parametrize(
    ("record", "status", "word"),
    [
        (RECORD, "ok", "4 % worse than the 12 ms that A. Reviewer approved on 2025-01-31"),
        ({**RECORD, "value": 25.0}, "ok", "50 % better"),
        ({**RECORD, "value": 10.0}, "warning", "25 % worse"),
        ({**RECORD, "value": 6.0}, "critical", "108 % worse"),
        (
            {
                **RECORD,
                "value": 6.0,
                "tolerance": {"warning_percent": 200, "critical_percent": 300},
            },
            "ok",
            "108 % worse",
        ),
        ({**RECORD, "unit": "s"}, "unknown", "measured in 'ms', but its baseline in 's'"),
        ({**RECORD, "value": 0}, "unknown", "damaged"),
        ({**RECORD, "value": "fast"}, "unknown", "damaged"),
        ({**RECORD, "value": True}, "unknown", "damaged"),
        ({**RECORD, "date": "31.1.2025"}, "unknown", "damaged"),
        ({**RECORD, "date": "2025-02-31"}, "unknown", "damaged"),
        ({**RECORD, "limit": 5}, "unknown", "'limit'"),
        ({**RECORD, "tolerance": {"warning": 5}}, "unknown", "tolerance"),
        ("12 ms", "unknown", "not a mapping"),
        (None, "unknown", "NoneType"),
    ],
)
def test_a_figure_is_held_against_its_baseline(record: t.Any, status: str, word: str) -> None:
    figure = Figure("search_time", "above", 20, 100, ("R-shop-02",))
    found = baselines.figure_finding(
        figure, MeasuredFigure(12.5, "ms"), {"search_time": record}, "", None
    )

    assert found["status"] == status
    assert found["observed"] == 12.5
    assert found["unit"] == "ms"
    assert word in found["message"]
    assert found["requirements"] == ["R-shop-02"]


def test_the_limits_are_numbers_in_the_unit_of_the_figure() -> None:
    figure = Figure("rows", "below", 20, 50, ())
    record = {**RECORD, "value": 1000.0, "unit": ""}
    found = baselines.figure_finding(figure, MeasuredFigure(700, ""), {"rows": record}, "", None)

    assert found["status"] == "warning"
    assert found["expected"] == "at least 800"
    assert found["limits"] == {"warning": 800.0, "critical": 500.0, "side": "below"}
