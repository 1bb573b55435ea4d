# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API's answers, without a database."""

from __future__ import annotations

import typing as t

import pytest

Ask = t.Callable[..., tuple[int, t.Any]]


def test_the_page_says_what_to_send(ask: Ask) -> None:
    status, text = ask("GET", "/")
    assert status == 200
    assert "/api/predictions" in text


def test_every_student_gets_a_risk_and_its_reasons(
    ask: Ask, students: list[dict[str, t.Any]]
) -> None:
    status, answer = ask("POST", "/api/predictions", students)

    assert (status, answer["count"]) == (200, 3)

    for student, found in zip(students, answer["predictions"], strict=True):
        assert found["id_student"] == student["id_student"]
        assert 0 <= found["risk_probability"] <= 1
        assert found["risk"] in ("low", "medium", "high")
        assert sum(found["explanation"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("body", [{"id_student": 1}, [1], [{"id_student": 1}], "students", None])
def test_what_is_no_list_of_students_is_refused_by_name(ask: Ask, body: t.Any) -> None:
    status, answer = ask("POST", "/api/predictions", body)
    assert status == 422
    assert "early_avg_score" in answer["detail"]


def test_the_small_edition_is_part_of_the_health(ask: Ask) -> None:
    assert ask("GET", "/health/small_edition") == (200, {"status": "healthy"})
    status, answer = ask("GET", "/health")
    assert (status, answer["status"]) == (200, "healthy")


def test_an_unknown_path_is_not_there(ask: Ask) -> None:
    assert ask("GET", "/api/nothing")[0] == 404
