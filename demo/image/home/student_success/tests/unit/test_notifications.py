# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notifications: how many wait, and what is said when the table cannot be read."""

from __future__ import annotations

import types
import typing as t

import pytest
import sqlalchemy as sa
from services import student_success  # type: ignore[import-not-found]
from sqlalchemy.pool import StaticPool


@pytest.fixture
def engine() -> sa.engine.Engine:
    """Return a database in memory with three notifications, of which two wait."""
    made = sa.create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )

    with made.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE notifications (id INTEGER PRIMARY KEY, sent_at TEXT)")
        )
        connection.execute(
            sa.text("INSERT INTO notifications (sent_at) VALUES (NULL), (NULL), ('2025-01-31')")
        )

    return made


def health_of(
    configuration: t.Any, engine: sa.engine.Engine | None
) -> tuple[int, dict[str, t.Any]]:
    """Return status and answer of the route."""
    _, routes = student_success.make(configuration, engine)
    response = types.SimpleNamespace(status_code=200)
    answer = routes["/api/notifications/health"](response)
    return response.status_code, answer


def test_those_that_wait_are_counted(configuration: t.Any, engine: sa.engine.Engine) -> None:
    assert health_of(configuration, engine) == (200, {"status": "healthy", "waiting": 2})


def test_a_missing_table_is_told(configuration: t.Any, engine: sa.engine.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE notifications"))
    status, answer = health_of(configuration, engine)
    assert (status, answer["status"], answer["error"]) == (503, "unhealthy", "OperationalError")


def test_without_a_database_there_are_none(configuration: t.Any) -> None:
    assert health_of(configuration, None)[0] == 503
