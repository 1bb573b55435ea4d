# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module database_reader on a real server: makes what is missing, once, and only when told."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.base.reader import ROLE

from library import database_reader
from tests.unit.library.module_calls import Answer, caller
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, server

Run = t.Callable[..., Answer]


@pytest.fixture
def pg() -> t.Iterator[Server]:
    """Return the throw-away server without the role; other tests get it back."""
    running = server()
    drop(running)

    yield running

    make_reader(running)


def drop(running: Server) -> None:
    """Drop the role, and its rights in every database."""
    if not running.query("postgres", "SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
        return

    query = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn"
    names = running.query("postgres", query)
    for (name,) in names:
        running.run(name, f"DROP OWNED BY {ROLE}")

    running.run("postgres", f"DROP ROLE {ROLE}")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], pg: Server) -> Run:
    """Return a function that calls the module for the server."""
    call = caller(database_reader, capsys)
    login = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}

    return lambda **options: call(**{**login, **options})


def status(answer: Answer) -> str:
    [found] = answer["findings"]

    assert found["check"] == "reader:upkeep_read"

    return str(found["status"])


def rights(pg: Server) -> list[tuple[t.Any, ...]]:
    """Return the attributes of the role."""
    query = (
        "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
        " FROM pg_roles WHERE rolname = %s"
    )
    return pg.query("postgres", query, ROLE)


def test_it_only_looks_unless_it_is_told_to_make_it(run: Run, pg: Server) -> None:
    answer = run()

    assert answer["changed"] is False
    assert status(answer) == "warning"
    assert "onboard_hosts.yml" in answer["findings"][0]["message"]
    assert rights(pg) == []


def test_check_mode_foretells_and_makes_nothing(run: Run, pg: Server) -> None:
    answer = run(make=True, _ansible_check_mode=True)

    assert answer["changed"] is True
    assert status(answer) == "info"
    assert "CREATE ROLE upkeep_read LOGIN NOSUPERUSER" in answer["diff"]["after"]
    assert rights(pg) == []


def test_it_makes_the_role_once(run: Run, pg: Server) -> None:
    first, second = run(make=True), run(make=True)

    assert first["changed"] is True
    assert second["changed"] is False
    assert status(first) == status(second) == status(run()) == "ok"
    assert rights(pg) == [(True, False, False, False, False, True)]

    reads = "pg_has_role(%s, 'pg_read_all_data', 'USAGE'), pg_has_role(%s, 'pg_monitor', 'USAGE')"

    assert pg.query("postgres", f"SELECT {reads}", ROLE, ROLE) == [(True, True)]


@pytest.mark.parametrize("wrong", ["SUPERUSER", "NOBYPASSRLS", "CREATEROLE", "NOLOGIN"])
def test_a_role_with_other_rights_is_brought_to_the_right_ones(
    run: Run, pg: Server, wrong: str
) -> None:
    run(make=True)
    pg.run("postgres", f"ALTER ROLE {ROLE} {wrong}")

    assert status(run()) == "warning"
    assert run(make=True)["changed"] is True
    assert rights(pg) == [(True, False, False, False, False, True)]


def test_amcheck_may_be_called_where_it_is_installed(run: Run, pg: Server) -> None:
    name = pg.create_database('odd "name"; %s {x}', "CREATE EXTENSION amcheck")
    run(make=True)
    call = "SELECT has_function_privilege(%s, 'bt_index_check(regclass)', 'EXECUTE')"

    assert pg.query(name, call, ROLE) == [(True,)]
    assert run(make=True)["changed"] is False

    pg.run("postgres", 'DROP DATABASE "odd ""name""; %s {x}" WITH (FORCE)')


def test_a_server_that_is_down(run: Run) -> None:
    looked = run(login_host="/nowhere")
    made = run(login_host="/nowhere", make=True)

    assert status(looked) == "unknown"
    assert made["failed"] is True
    assert "cannot be made" in made["msg"]


def test_bad_input_is_named(run: Run) -> None:
    assert "seconds is 0" in run(seconds=0)["msg"]
