# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An owner of tables against the login that reads them: no code of theirs gets more rights."""

from __future__ import annotations

import typing as t
from pathlib import Path

import psycopg2
import pytest

from tests.unit.module_utils.data_quality.conftest import Review, only, table
from tests.unit.module_utils.postgresql.server import Server

#: Takes the session's own rights back and starts a program, as a superuser may.
CODE: t.Final = """
CREATE FUNCTION {name}({argument}) RETURNS {result} LANGUAGE plpgsql AS $code$
BEGIN
    PERFORM set_config('role', 'none', false);
    BEGIN
        EXECUTE $run$COPY (SELECT 'x') TO PROGRAM 'cat > {file}'$run$;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'no luck: %', SQLERRM;
    END;
    RETURN {value};
END $code$
"""


def trap(pg: Server, kind: str, file: Path) -> str:
    """Return a database in which the role ``mallory`` made a trap of the table ``rows``."""
    if not pg.query("postgres", "SELECT 1 FROM pg_roles WHERE rolname = 'mallory'"):
        pg.run("postgres", "CREATE ROLE mallory LOGIN")

    name = pg.create_database("")
    pg.run("postgres", f"ALTER DATABASE {name} OWNER TO mallory")
    code = {"name": "trap", "file": file}
    made = {
        "view": (
            CODE.format(**code, argument="", result="integer", value="1"),
            "CREATE VIEW rows AS SELECT 1 AS id, trap()::text AS kind",
        ),
        "cast": (
            "CREATE TYPE bait AS (v text)",
            "CREATE TABLE rows (id integer, kind bait)",
            CODE.format(**code, argument="bait", result="text", value="'x'"),
            "CREATE CAST (bait AS text) WITH FUNCTION trap(bait) AS ASSIGNMENT",
            "INSERT INTO rows VALUES (1, ROW('x')::bait)",
        ),
        "policy": (
            "CREATE TABLE rows (id integer, kind text)",
            CODE.format(**code, argument="", result="boolean", value="true"),
            "CREATE POLICY p ON rows USING (trap())",
            "ALTER TABLE rows ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE rows FORCE ROW LEVEL SECURITY",
            "INSERT INTO rows VALUES (1, 'x')",
        ),
        "operator": (
            CODE.format(**code, argument="text, text", result="boolean", value="true"),
            "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap)",
            "CREATE TABLE rows (id integer, kind text)",
            "INSERT INTO rows VALUES (1, 'x')",
            f"ALTER DATABASE {name} SET search_path = public, pg_catalog",
        ),
    }[kind]
    connection = psycopg2.connect(dbname=name, **{**pg.login, "user": "mallory"})
    connection.autocommit = True
    for statement in made:
        connection.cursor().execute(statement)

    connection.close()

    return name


@pytest.mark.parametrize("kind", ["view", "cast", "policy", "operator"])
def test_code_in_a_table_gets_no_rights_of_the_server(
    pg: Server, review: Review, tmp_path: Path, kind: str
) -> None:
    tmp_path.chmod(0o777)
    file = Path(f"{pg.login['host']}/owned-{kind}")
    name = trap(pg, kind, file)
    check = table(name, where={"kind": "x"})

    as_superuser = only(review(check, login_user="postgres"))
    as_reader = review(check)

    assert as_superuser[0] == "unknown"
    assert "rights of superuser" in as_superuser[1]
    assert "upkeep_read" in as_superuser[1]
    assert not file.exists()
    assert all(item["status"] in ("ok", "unknown") for item in as_reader.values())


@pytest.mark.parametrize("kind", ["view", "cast"])
def test_a_superuser_s_session_would_have_been_taken_over(pg: Server, kind: str) -> None:
    """The session of the past: superuser, SET ROLE, read only. It shows that the traps bite."""
    file = Path(f"{pg.login['host']}/taken-{kind}")
    name = trap(pg, kind, file)
    connection = pg.connect(name)
    cursor = connection.cursor()
    cursor.execute("SET default_transaction_read_only = on; SET ROLE pg_read_all_data")

    cursor.execute("SELECT count(*) FROM rows WHERE CAST(kind AS text) = 'x'")

    assert file.exists()
    connection.close()


def test_a_session_that_could_become_superuser_is_refused(pg: Server, review: Review) -> None:
    name = pg.create_database("", "CREATE TABLE rows (id integer)")
    pg.run("postgres", "CREATE ROLE sly LOGIN NOINHERIT", "GRANT postgres TO sly")

    status, message = only(review(table(name), login_user="sly"))
    pg.run("postgres", "DROP ROLE sly")

    assert status == "unknown"
    assert "rights of superuser" in message


def test_a_role_that_is_missing_is_unknown_and_names_the_step(pg: Server, review: Review) -> None:
    name = pg.create_database("", "CREATE TABLE rows (id integer)")
    pg.run("postgres", "ALTER ROLE upkeep_read RENAME TO elsewhere")
    try:
        status, message = only(review(table(name)))
    finally:
        pg.run("postgres", "ALTER ROLE elsewhere RENAME TO upkeep_read")

    assert status == "unknown"
    assert "playbooks/onboard_hosts.yml" in message


def test_an_account_that_is_missing_is_unknown_and_names_the_step(
    pg: Server, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    status, message = only(review(table("shop"), run_as="upkeep_read"))

    assert status == "unknown"
    assert "playbooks/onboard_hosts.yml" in message
