# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The session: it is our own, leads where the options say, and its errors quote no rows."""

from __future__ import annotations

import typing as t

import psycopg2
import pytest
from ansible.module_utils.upkeep.base.login import Login
from ansible.module_utils.upkeep.postgresql.connection import (
    DatabaseError,
    Session,
    describe,
    open_session,
)

from tests.unit.module_utils.postgresql.pooler import pooler, through
from tests.unit.module_utils.postgresql.running import maintain, message, statuses
from tests.unit.module_utils.postgresql.server import Server

MAIL: t.Final = "jane.private@example.org"


def login_of(pg: Server) -> Login:
    return Login(str(pg.login["host"]), int(str(pg.login["port"])), "postgres", None)


@pytest.fixture
def session(pg: Server) -> t.Iterator[Session]:
    opened = open_session(login_of(pg), "postgres", 500)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("mode", "ignored"),
    [
        ("transaction", ""),
        ("transaction", "options"),
        ("statement", "options"),
        ("session", "options"),
    ],
)
def test_a_pooled_connection_is_refused_and_left_as_it_was(
    pg: Server, mode: str, ignored: str
) -> None:
    name = pg.create_database("", "CREATE TABLE shop (id int)", "INSERT INTO shop VALUES (1)")
    with pooler(pg, mode, ignored) as login:
        result = maintain(pg, {"name": name, "vacuum": {}}, **login)
        application = through(login, name)
        cursor = application.cursor()
        cursor.execute("SELECT count(*), current_setting('lock_timeout') FROM shop")
        seen = cursor.fetchall()
        application.close()

    assert statuses(result)[""] == "critical"
    assert "connection pooler" in message(result, "")
    assert result["actions"] == []
    assert seen == [(1, "0")]


def test_a_pooler_whose_server_has_our_settings_by_default_is_refused_too(pg: Server) -> None:
    name = pg.create_database("", "CREATE TABLE shop (id int)")
    for setting in (
        "search_path = pg_catalog,pg_temp",
        "statement_timeout = '60s'",
        "idle_in_transaction_session_timeout = '60s'",
        "client_connection_check_interval = '2s'",
        "lock_timeout = '2s'",
    ):
        pg.run("postgres", f"ALTER DATABASE {name} SET {setting}")

    with pooler(pg, "transaction", "options") as login:
        result = maintain(pg, {"name": name, "vacuum": {}}, **login)

    assert statuses(result)[""] == "critical"
    assert "connection pooler" in message(result, "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGSERVICE", "elsewhere"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGOPTIONS", "-c search_path=public"),
        ("PGSSLMODE", "verify-full"),
        ("PGTARGETSESSIONATTRS", "standby"),
    ],
)
def test_the_environment_does_not_reach_the_session(
    pg: Server, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    session = open_session(login_of(pg), "postgres", 500)
    path = session.value("SELECT current_setting('search_path')")
    session.close()

    assert path == "pg_catalog,pg_temp"


def test_the_default_socket_is_not_what_the_environment_says(
    pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", str(pg.login["host"]))
    monkeypatch.setenv("PGPORT", str(pg.login["port"]))
    elsewhere = Login("", 1, "postgres", None)
    with pytest.raises(DatabaseError, match=r"/var/run/postgresql/\.s\.PGSQL\.1"):
        open_session(elsewhere, "postgres", 500)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"SELECT '{MAIL}'::int", "invalid text representation (SQLSTATE 22P02)"),
        (
            f"INSERT INTO people VALUES ('{MAIL}'), ('{MAIL}')",  # noqa: S608 - a constant
            "unique violation (SQLSTATE 23505)",
        ),
        (
            f"DO $$ BEGIN RAISE EXCEPTION '% is odd', '{MAIL}'; END $$",
            "raise exception (SQLSTATE P0001)",
        ),
        (f"SELECT to_date('{MAIL}', 'YYYY')", "SQLSTATE 22007"),
    ],
)
def test_an_error_quotes_no_value_of_a_row(session: Session, statement: str, words: str) -> None:
    session.execute("CREATE TEMPORARY TABLE people (mail text UNIQUE)")
    with pytest.raises(DatabaseError) as caught:
        session.execute(statement)

    assert words in str(caught.value)
    assert MAIL not in str(caught.value)


def test_other_errors_keep_the_primary_message_only(session: Session) -> None:
    with pytest.raises(DatabaseError) as caught:
        session.execute("SELECT lenght('x')")

    assert str(caught.value) == "function lenght(unknown) does not exist"


def test_an_error_that_is_not_the_servers_is_described_too() -> None:
    assert describe(psycopg2.OperationalError("the\nserver is\n gone")) == "the server is gone"
