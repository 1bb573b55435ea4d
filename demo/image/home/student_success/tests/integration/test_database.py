# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""API and PostgreSQL together, on the test database."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

Ask = t.Callable[..., tuple[int, t.Any]]


def test_the_database_answers_and_shows_its_pool(ask: Ask, database: sa.engine.Engine) -> None:
    status, answer = ask("GET", "/health/database")
    assert (status, answer["status"]) == (200, "healthy")
    assert answer["pool_stats"]["size"] >= 1


def test_waiting_notifications_are_counted_in_the_database(
    ask: Ask, database: sa.engine.Engine
) -> None:
    with database.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO notifications VALUES (1, NULL), (2, now()), (3, NULL)")
        )
    assert ask("GET", "/api/notifications/health") == (200, {"status": "healthy", "waiting": 2})


def test_a_prediction_is_kept_by_the_small_edition(
    ask: Ask, database: sa.engine.Engine, students: list[dict[str, t.Any]]
) -> None:
    status, answer = ask("POST", "/api/predictions", students)
    assert (status, answer["count"]) == (200, 3)
