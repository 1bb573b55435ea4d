# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Students as other systems send them: numbers as text, unknown columns, none at all."""

from __future__ import annotations

import csv
import io
import typing as t

import pytest
from services.student_success import MODELS, RiskModels  # type: ignore[import-not-found]

EXPORT: t.Final = """\
id_student,early_avg_score,early_total_clicks,studied_credits,course
7,91.5,210,60,Statistics
8,12,3,120,Physics
"""


@pytest.fixture(scope="module")
def models(home: t.Any) -> RiskModels:
    """Return the models."""
    return RiskModels(home / MODELS)


def test_the_export_of_a_learning_platform_is_understood(models: RiskModels) -> None:
    found = models.assess(list(csv.DictReader(io.StringIO(EXPORT))))
    assert [student["id_student"] for student in found] == ["7", "8"]
    assert found[0]["risk_probability"] < found[1]["risk_probability"]


def test_a_missing_column_is_an_error_and_no_guess(models: RiskModels) -> None:
    with pytest.raises(KeyError):
        models.assess([{"id_student": 7, "early_avg_score": 91.5}])


@pytest.mark.parametrize("value", ["", "absent", None])
def test_a_value_that_is_no_number_is_an_error(models: RiskModels, value: t.Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        models.assess([{"early_avg_score": value, "early_total_clicks": 1, "studied_credits": 30}])
