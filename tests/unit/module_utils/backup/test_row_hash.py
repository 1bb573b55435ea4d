# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows that differ have another hash, and the same rows have the same one wherever they lie."""

# ruff: noqa: S608 - the names of tables are constants of this test

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.backup.row_hash import SORT, hash_problem, hash_rows
from ansible.module_utils.upkeep.base.login import Login
from ansible.module_utils.upkeep.postgresql.connection import Session, open_session

from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.backup.test_postgresql import artefact, facts_of, restore
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, server

TABLE = ("public", 'Odd "t"\n{}%s')
NAME = '"Odd ""t""\n{}%s"'
MADE = (
    f"CREATE TABLE {NAME} (t integer, at timestamptz, x double precision, b bytea, i interval,"
    " j jsonb, n numeric, note text)",
    f"INSERT INTO {NAME} SELECT n,"
    " '2026-03-29 01:00+00'::timestamptz + n * interval '1 h', n / 3.0,"
    " decode(md5(n::text), 'hex'), n * interval '1 day 1 h', jsonb_build_object('n', n), n / 7.0,"
    " CASE WHEN n % 5 > 0 THEN 'note, \"' || n END FROM generate_series(1, 500) n",
)


@pytest.fixture(scope="module")
def pg() -> Server:
    """Return the throw-away server with the role that reads."""
    running = server()
    make_reader(running)

    return running


def session(pg: Server, database: str, user: str = "upkeep_read") -> Session:
    """Return a session with a database."""
    login = Login(str(pg.login["host"]), int(pg.login["port"]), user, None)

    return open_session(login, database, 10_000)


def hash_of(pg: Server, database: str) -> str:
    """Return the hash of the table in a database."""
    return hash_rows(session(pg, database), TABLE)


def changed(pg: Server, statement: str) -> str:
    """Return the hash after a statement."""
    database = pg.create_database("", *MADE)
    pg.run(database, statement)

    return hash_of(pg, database)


def test_the_order_of_rows_and_the_settings_of_a_session_do_not_matter(pg: Server) -> None:
    plain = pg.create_database("", *MADE)
    other = pg.create_database("", *MADE)
    pg.run(
        other,
        f"CREATE TABLE copy AS SELECT * FROM {NAME} ORDER BY t DESC",
        f"DELETE FROM {NAME}",
        f"INSERT INTO {NAME} SELECT * FROM copy",
        f"ALTER DATABASE {other} SET timezone = 'Asia/Kolkata'",
        f"ALTER DATABASE {other} SET datestyle = 'German'",
        f"ALTER DATABASE {other} SET bytea_output = 'escape'",
        f"ALTER DATABASE {other} SET extra_float_digits = '-15'",
        f"ALTER DATABASE {other} SET intervalstyle = 'iso_8601'",
    )

    assert hash_of(pg, plain) == hash_of(pg, other)
    assert hash_of(pg, plain).startswith(SORT)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {NAME} SET x = x + 1e-12 WHERE t = 77",
        f"UPDATE {NAME} SET note = '' WHERE t = 5",
        f"UPDATE {NAME} SET at = at + interval '1 microsecond' WHERE t = 1",
        f"UPDATE {NAME} SET t = t + 1",
        f"INSERT INTO {NAME} SELECT * FROM {NAME} WHERE t = 1",
        f"DELETE FROM {NAME} WHERE t = 500",
        f"DELETE FROM {NAME}",
        # Two values change places; each column keeps all of its values.
        f"UPDATE {NAME} SET note = CASE t WHEN 1 THEN 'note, \"2' ELSE 'note, \"1' END"
        " WHERE t IN (1, 2)",
        f"ALTER TABLE {NAME} DROP COLUMN note",
    ],
)
def test_whatever_changes_in_the_rows_changes_the_hash(pg: Server, statement: str) -> None:
    assert changed(pg, statement) != changed(pg, "SELECT 1")


def test_an_empty_table_has_a_hash(pg: Server) -> None:
    database = pg.create_database("", f"CREATE TABLE {NAME} (t integer)")

    assert hash_of(pg, database) == f"{SORT}{'0' * 32}"


def test_no_cast_of_the_owner_decides_what_is_hashed(pg: Server) -> None:
    forge = (
        f"CREATE FUNCTION forge({NAME}) RETURNS text LANGUAGE sql AS $$SELECT 'same'$$",
        f"CREATE CAST ({NAME} AS text) WITH FUNCTION forge({NAME}) AS IMPLICIT",
    )
    database = pg.create_database("", *MADE, *forge)

    assert hash_of(pg, database) == changed(pg, "SELECT 1")


def test_the_manifest_has_the_hash_of_what_the_profile_names(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", *MADE, "CREATE TABLE plain AS SELECT 1 AS one")
    hashed = [f"public.{TABLE[1]}", "public.gone"]

    answer = shop.backup(artefacts=[artefact(pg, database, hashed=hashed)])

    entries = {table["name"]: table for table in facts_of(shop)["tables"]}

    assert entries[TABLE[1]]["hash"] == hash_of(pg, database)
    assert "hash" not in entries["plain"]
    assert "not there: public.gone" in message(answer, "backup:database.hashed")
    assert statuses(answer)["backup:database.hashed"] == "warning"


def test_a_restored_table_is_compared(shop: Shop, pg: Server) -> None:
    source, target = pg.create_database("", *MADE), pg.create_database()
    entry = artefact(pg, source, hashed=[f"public.{TABLE[1]}"])
    made = shop.backup(artefacts=[entry])["made"]
    [table] = facts_of(shop)["tables"]

    restore(pg, shop.root / made / "database" / "database.dump.zst", target)

    assert hash_problem(session(pg, target), table) == ""

    pg.run(target, f"UPDATE {NAME} SET note = 'other' WHERE t = 9")

    assert "other rows than the manifest's hash" in hash_problem(session(pg, target), table)
    assert hash_problem(session(pg, target), {**table, "hash": "rows9:00"}) == ""
    assert hash_problem(session(pg, target), {"schema": "public", "name": "x", "rows": 1}) == ""
