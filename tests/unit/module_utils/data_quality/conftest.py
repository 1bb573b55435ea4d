# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module data_quality against the throw-away PostgreSQL server."""

from __future__ import annotations

import sqlite3
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.reader import ROLE

from library import data_quality
from tests.unit.library.module_calls import Answer, Call, by_check, caller
from tests.unit.module_utils.postgresql.server import Server, server

ROWS: t.Final = ("CREATE TABLE rows (id integer)", "INSERT INTO rows VALUES (1)")
OFFERS: t.Final = (
    "CREATE TABLE offers"
    " (id integer PRIMARY KEY, sport text, active boolean, updated_at timestamp)",
    "INSERT INTO offers VALUES (1, 'tennis', true, {now}), (2, 'hockey', true, {old}),"
    " (3, 'tennis', false, {old})",
)

NOW: t.Final = {
    "postgresql": ("now()", "now() - interval '3 h'"),
    "sqlite": ("datetime('now')", "datetime('now', '-3 hours')"),
}


Review = t.Callable[..., dict[str, dict[str, t.Any]]]
Make = t.Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the running throw-away server, which has the role that reads."""
    running = server()
    make_reader(running)

    return running


def make_reader(running: Server) -> None:
    """Make the role that reads, unless another test has made it."""
    if not running.query("postgres", "SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
        running.run(
            "postgres",
            f"CREATE ROLE {ROLE} LOGIN BYPASSRLS",
            f"GRANT pg_read_all_data, pg_monitor TO {ROLE}",
        )


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module."""
    return caller(data_quality, capsys)


@pytest.fixture
def review(call: Call, pg: Server) -> Review:
    """Return a function that reviews with checks and returns the findings by check."""

    def run(*checks: dict[str, t.Any], **options: t.Any) -> dict[str, dict[str, t.Any]]:
        login = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}
        entries = [{"component": "app", **check} for check in checks]
        answer: Answer = call(checks=entries, **{**login, **options})
        assert answer.get("changed") is False, answer
        return by_check(answer)

    return run


@pytest.fixture(params=["postgresql", "sqlite"])
def make(request: pytest.FixtureRequest, pg: Server, tmp_path: Path) -> Make:
    """Return a function that makes a database and returns the option that names it."""
    now, old = NOW[request.param]

    def database(*statements: str) -> dict[str, str]:
        filled = [statement.format(now=now, old=old) for statement in statements]
        if request.param == "postgresql":
            return {"database": pg.create_database("", *filled)}

        path = tmp_path / "data.db"
        with sqlite3.connect(path) as connection:
            for statement in filled:
                connection.execute(statement)

        connection.close()

        return {"sqlite": str(path)}

    return database


def brief(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, tuple[str, t.Any]]:
    """Return status and observed value by check."""
    return {check: (item["status"], item["observed"]) for check, item in found.items()}


def table(database: str, **options: t.Any) -> dict[str, t.Any]:
    """Return a check of the table ``rows``."""
    return {"name": "rows", "kind": "table", "table": "rows", "database": database, **options}


def only(found: dict[str, dict[str, t.Any]]) -> tuple[str, str]:
    """Return status and message of the only finding."""
    [item] = found.values()
    return item["status"], item["message"]
