# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``integrity``: references, constraints and storage."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.login import Login
from ansible.module_utils.upkeep.data_quality.kinds import integrity
from ansible.module_utils.upkeep.data_quality.settings import parse_checks

from tests.unit.module_utils.data_quality.conftest import ROWS, Make, Review, brief, only
from tests.unit.module_utils.postgresql.server import Server

GRANT: t.Final = "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO upkeep_read"
FAMILIES: t.Final = (
    "CREATE TABLE parents (id integer PRIMARY KEY)",
    "CREATE TABLE children (id integer, parent_id integer, teacher_id integer)",
    "INSERT INTO parents VALUES (1), (2)",
    "INSERT INTO children VALUES (1, 1, 1), (2, NULL, 2), (3, 9, 1), (4, 9, 2)",
)


@pytest.mark.requirement("R-trailblaze-08")
def test_orphans_are_counted_for_each_reference(make: Make, review: Review) -> None:
    references = [
        {"table": "children", "column": "parent_id", "parent": "parents"},
        {"table": "children", "column": "teacher_id", "parent": "parents", "parent_column": "id"},
    ]
    found = review(
        {"name": "family", "kind": "integrity", "references": references, **make(*FAMILIES)}
    )
    seen = {check: value for check, value in brief(found).items() if "orphans" in check}

    assert seen == {
        "integrity:family[children.parent_id].orphans": ("warning", 2),
        "integrity:family[children.teacher_id].orphans": ("ok", 0),
    }


def test_constraints_that_are_not_in_force_are_named(pg: Server, review: Review) -> None:
    keys = "ALTER TABLE rows ADD CONSTRAINT positive CHECK (id > 0) NOT VALID"
    off = (
        "CREATE TABLE parents (id integer PRIMARY KEY)",
        "CREATE TABLE children (parent_id integer REFERENCES parents)",
        "ALTER TABLE children DISABLE TRIGGER ALL",
    )
    name = pg.create_database("", *ROWS, keys, *off)
    found = review({"name": "shop", "kind": "integrity", "database": name})[
        "integrity:shop.constraints"
    ]

    assert found["status"] == "warning"
    assert found["expected"] == "at most 0"
    assert "positive on public.rows is not validated" in found["message"]
    assert "children" in found["message"]

    fine = pg.create_database("", *ROWS)

    assert only(review({"name": "shop", "kind": "integrity", "database": fine}))[0] == "ok"


def amcheck(database: str) -> dict[str, t.Any]:
    return {"name": "shop", "kind": "integrity", "database": database, "amcheck": True}


def test_storage_is_read_by_the_tool_of_the_server(pg: Server, review: Review) -> None:
    name = pg.create_database('odd "name" *.%', *ROWS)
    found = review(amcheck(name))["integrity:shop.amcheck"]

    assert found["status"] == "unknown"
    assert "CREATE EXTENSION amcheck" in found["message"]

    pg.run(name, "CREATE EXTENSION amcheck")
    found = review(amcheck(name))["integrity:shop.amcheck"]

    assert found["status"] == "unknown"
    assert "onboard_hosts.yml" in found["message"]

    pg.run(name, GRANT)

    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "ok"


def test_damaged_storage_is_critical(pg: Server, review: Review) -> None:
    grown = "INSERT INTO rows SELECT i FROM generate_series(1, 5000) i"
    name = pg.create_database(
        "",
        *ROWS,
        grown,
        "CREATE EXTENSION amcheck",
        GRANT,
        "CREATE INDEX by_id ON rows (id)",
        "CHECKPOINT",
    )
    [(path,)] = pg.query(name, "SELECT pg_relation_filepath('by_id')")
    file = Path(pg.login["host"]) / "data" / path
    pg.run(name, "DROP EXTENSION amcheck", "CREATE EXTENSION amcheck", GRANT)
    content = bytearray(file.read_bytes())
    # The keys of the second page stand in another order than before.
    content[8192 + 24 : 8192 + 200] = bytes(reversed(content[8192 + 24 : 8192 + 200]))
    pg.run("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    file.write_bytes(content)
    pg.run(
        name, "CREATE TABLE pusher AS SELECT i, repeat('x', 400) FROM generate_series(1, 100000) i"
    )

    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "critical"


def test_no_tool_is_unknown(pg: Server, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    name = pg.create_database("", *ROWS, "CREATE EXTENSION amcheck", GRANT)
    monkeypatch.setattr(integrity, "find_tool", lambda: None)
    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ("btree index: ERROR:  canceling statement due to statement timeout", "unknown"),
        ("btree index: ERROR:  canceling statement due to lock timeout", "unknown"),
        ("heap table: ERROR:  permission denied for function verify_heapam", "unknown"),
        ("btree index: ERROR:  item order invariant violated", "critical"),
        ("heap table: line pointer redirection to item at offset 21", "critical"),
        ("ERROR: canceling statement due to user\nERROR: item order invariant", "critical"),
    ],
)
def test_only_damage_is_called_damage(printed: str, status: str) -> None:
    [check] = parse_checks([{**amcheck("shop"), "component": "postgresql"}])
    done = subprocess.CompletedProcess([], 2, stdout=printed.encode(), stderr=b"")

    assert integrity._reported(check, done)["status"] == status


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGSERVICE", "elsewhere"), ("PGHOSTADDR", "192.0.2.1"), ("PGOPTIONS", "-c nothing=1")],
)
def test_the_environment_leads_the_tool_nowhere_else(
    pg: Server, review: Review, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    database = pg.create_database("", *ROWS, "CREATE EXTENSION amcheck", GRANT)
    monkeypatch.setenv(name, value)

    assert review(amcheck(database))["integrity:shop.amcheck"]["status"] == "ok"


def test_the_tool_encrypts_as_the_login_says() -> None:
    login = Login("db.example.org", 5433, "reader", "secret", "verify-full", "/etc/ca.pem")
    found = integrity.tool_environment(login, 1.5)

    assert found["PGHOST"] == "db.example.org"
    assert found["PGPORT"] == "5433"
    assert found["PGSSLMODE"] == "verify-full"
    assert found["PGSSLROOTCERT"] == "/etc/ca.pem"
    assert found["PGPASSWORD"] == "secret"
    assert "statement_timeout=1500" in found["PGOPTIONS"]
