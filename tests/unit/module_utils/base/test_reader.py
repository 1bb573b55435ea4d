# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may read tables of applications, on a real server."""

from __future__ import annotations

import typing as t

import psycopg2
import pytest
from ansible.module_utils.upkeep.base import reader

from tests.unit.module_utils.postgresql.server import Server, server


@pytest.fixture(scope="module")
def pg() -> t.Iterator[Server]:
    """Return the throw-away server with roles of many kinds."""
    running = server()
    names = ("reader", "owner", "creator", "runner", "indirect", "boss", "member")
    running.run(
        "postgres",
        *(f"CREATE ROLE t_{name} LOGIN" for name in names),
        "ALTER ROLE t_reader BYPASSRLS",
        "GRANT pg_read_all_data, pg_monitor TO t_reader",
        "ALTER ROLE t_creator CREATEROLE",
        "GRANT pg_execute_server_program TO t_runner",
        "GRANT t_runner TO t_indirect",
        "ALTER ROLE t_boss SUPERUSER",
        "ALTER ROLE t_member NOINHERIT",
        "GRANT t_boss TO t_member",
    )

    yield running

    running.run("postgres", *(f"DROP ROLE t_{name}" for name in names))


def asking(pg: Server, user: str, *before: str) -> t.Any:
    """Return a function that asks as a user, who ran statements before."""
    connection = psycopg2.connect(dbname="postgres", **{**pg.login, "user": user})
    connection.autocommit = True
    cursor = connection.cursor()
    for statement in before:
        cursor.execute(statement)

    def ask(query: str) -> list[tuple[t.Any, ...]]:
        cursor.execute(query)
        return list(cursor.fetchall())

    return ask


@pytest.mark.parametrize(
    ("user", "word"),
    [
        ("t_reader", ""),
        ("t_owner", ""),
        ("postgres", "superuser"),
        ("t_boss", "superuser"),
        ("t_member", "superuser"),
        ("t_creator", "CREATEROLE"),
        ("t_runner", "pg_execute_server_program"),
        ("t_indirect", "pg_execute_server_program"),
    ],
)
def test_who_may_read_tables_of_applications(pg: Server, user: str, word: str) -> None:
    reason = reader.refusal(asking(pg, user))

    assert bool(reason) is bool(word)
    assert word in reason


def test_setting_another_role_does_not_help(pg: Server) -> None:
    reason = reader.refusal(asking(pg, "postgres", "SET ROLE t_reader"))

    assert "superuser" in reason
    assert "onboard_hosts.yml" in reason


def test_views_are_not_read_where_the_server_can_refuse_them(pg: Server) -> None:
    name = pg.create_database("", "CREATE VIEW v AS SELECT 1 AS one")
    connection = pg.connect(name)
    cursor = connection.cursor()

    def ask(query: str) -> list[tuple[t.Any, ...]]:
        cursor.execute(query)
        return list(cursor.fetchall())

    has = ask("SELECT count(*) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'")
    reader.restrict(ask)

    if has[0][0]:
        with pytest.raises(psycopg2.Error, match="restricted"):
            ask("SELECT * FROM v")
    assert ask("SELECT count(*) FROM pg_stat_activity")[0][0] > 0

    connection.close()


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ('FATAL: role "upkeep_read" does not exist', "onboard_hosts.yml"),
        ("there is no user 'upkeep_read' on this host", "onboard_hosts.yml"),
        ('Peer authentication failed for user "upkeep_read"', "pg_hba.conf"),
        ('no pg_hba.conf entry for host "[local]", user "upkeep_read"', "pg_hba.conf"),
        ('role "shop" does not exist', ""),
        ("the server is down", ""),
    ],
)
def test_what_to_do_about_a_login_that_fails(message: str, word: str) -> None:
    advice = reader.advice(message)

    assert bool(advice) is bool(word)
    assert word in advice
