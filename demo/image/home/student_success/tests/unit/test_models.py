# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models: what they say of students who stand far apart."""

from __future__ import annotations

import typing as t

import pytest
from services.student_success import MODELS, RiskModels  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def models(home: t.Any) -> RiskModels:
    """Return the models."""
    return RiskModels(home / MODELS)


def student(score: float, clicks: int, credit: int) -> dict[str, t.Any]:
    """Return one student."""
    return {
        "id_student": 1,
        "early_avg_score": score,
        "early_total_clicks": clicks,
        "studied_credits": credit,
    }


def test_good_and_bad_students_are_told_apart(models: RiskModels) -> None:
    good, bad = models.assess([student(95, 350, 30), student(5, 10, 120)])
    assert (good["risk"], bad["risk"]) == ("low", "high")
    assert good["risk_probability"] < 0.5 < bad["risk_probability"]


def test_the_same_student_gets_the_same_answer(models: RiskModels) -> None:
    one, other = models.assess([student(60, 100, 60)] * 2)
    assert one == other


def test_a_student_alone_is_judged_as_among_others(models: RiskModels) -> None:
    students = [student(score, 100, 60) for score in (20, 50, 80)]
    together = models.assess(students)
    assert [models.assess([entry])[0] for entry in students] == together
