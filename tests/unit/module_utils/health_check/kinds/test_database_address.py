# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind database_address, on files of variables and real SQLite files."""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import database_address

from tests import evidence
from tests.unit.profiles.limits import profile

SAMPLE: t.Final[dict[str, t.Any]] = {"file": "/opt/a/.env", "sqlite": "/opt/a/a.db"}

Observed = Callable[..., dict[str, Finding]]


def env(folder: Path, *lines: str) -> str:
    """Return the path of a file of variables."""
    path = folder / ".env"
    path.write_text("".join(f"{line}\n" for line in lines))

    return str(path)


def database(folder: Path) -> str:
    """Return the path of a SQLite file with one table."""
    path = folder / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE students (id integer)")

    return str(path)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("DATABASE_URL=postgresql://app:s3cret@db:5433/app", "postgresql://db:5433/app"),
        (
            'DATABASE_URL="postgresql+asyncpg://app:a@b@db/app?password=x"',
            "postgresql+asyncpg://db/app",
        ),
        ("DATABASE_URL = 'postgresql://db/app' ", "postgresql://db/app"),
        ("DATABASE_URL=postgresql://[::1]:5432/app", "postgresql://::1:5432/app"),
        ("DATABASE_URL=postgresql://db:notaport/app", "an address that cannot be read"),
        ("DATABASE_URL=host=db user=app password=s3cret", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_user_and_password(
    observed: Observed, tmp_path: Path, line: str, seen: str
) -> None:
    file = env(tmp_path, "# DATABASE_URL=sqlite:///x", "OTHER=1", line)
    found = observed("database_address", file=file)["database_address:x"]

    assert (found["status"], found["observed"]) == ("ok", seen)
    assert "s3cret" not in str(found)
    assert "a@b" not in str(found)


#: Addresses that broke parsers, most by a password that is not escaped.
FOUND: t.Final = (
    "mysql+pymysql://user:password#@localhost:3306/db_name",
    "postgres://user:pass#word@server.example.org/pgsqldb",
    "postgres://user:12#word@server.example.org/pgsqldb",
    "postgres://user:12?word@server.example.org/pgsqldb",
    "postgres://user:12/word@server.example.org/pgsqldb",
    "mysql://root:123456../@myhost:3306/mydb",
    "postgres://username:[password@localhost:80/dbname",
    "mysql://super_user:kk/Q>`78N5$JJJX@super_server:3306/dbmate_poc",
    "mysql://jydb:G2W9iPwpAqF4R#202@rm.example.org:3306/jydb",
    "postgres://db/app # what systemd takes for a part of the value",
)


@pytest.mark.parametrize("address", FOUND)
def test_no_part_of_a_password_is_taken_for_something_else(
    observed: Observed, tmp_path: Path, address: str
) -> None:
    found = observed("database_address", file=env(tmp_path, f"DATABASE_URL={address}"))

    assert found["database_address:x"]["status"] == "ok"
    assert found["database_address:x"]["observed"] == database_address.UNREADABLE


def test_a_password_with_an_at_sign_is_left_out(observed: Observed, tmp_path: Path) -> None:
    file = env(tmp_path, "DATABASE_URL=mysql://user:p@ssword@localhost:5432/a")
    found = observed("database_address", file=file)["database_address:x"]

    assert found["observed"] == "mysql://localhost:5432/a"


def test_what_systemd_does_not_read_is_not_set(observed: Observed, tmp_path: Path) -> None:
    file = env(tmp_path, "export DATABASE_URL=postgresql://db/app")

    assert observed("database_address", file=file)["database_address:x"]["observed"] == "not set"


def test_the_last_value_counts_as_systemd_has_it(observed: Observed, tmp_path: Path) -> None:
    file = env(tmp_path, "DATABASE_URL=postgresql://old/app", "DATABASE_URL=postgresql://new/app")

    assert "new" in observed("database_address", file=file)["database_address:x"]["observed"]


@pytest.mark.parametrize("line", ["DATABASE_URL=", "DATABASE_URLS=x", "DATABASE_URL=sqlite:///a"])
def test_without_a_server_the_file_has_to_answer(
    observed: Observed, tmp_path: Path, line: str
) -> None:
    options = {"file": env(tmp_path, line), "sqlite": database(tmp_path)}
    found = observed("database_address", **options)["database_address:x"]

    assert (found["status"], found["observed"]) == ("ok", "SQLite")
    assert "1 tables" in found["message"]


@pytest.mark.parametrize("content", [None, b"no database at all, but long enough to be one" * 9])
def test_a_file_that_is_missing_or_damaged_is_critical(
    observed: Observed, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "a.db"
    if content:
        path.write_bytes(content)

    found = observed("database_address", file=env(tmp_path), sqlite=str(path))

    assert found["database_address:x"]["status"] == "critical"


def test_no_database_at_all_is_critical(observed: Observed, tmp_path: Path) -> None:
    found = observed("database_address", file=env(tmp_path))["database_address:x"]

    assert (found["status"], found["observed"]) == ("critical", "not set")


def test_a_file_of_variables_that_is_missing_is_critical(
    observed: Observed, tmp_path: Path
) -> None:
    found = observed("database_address", file=str(tmp_path / "none"))["database_address:x"]

    assert found["status"] == "critical"


@pytest.mark.requirement("R-student_success-97", "R-student_success-98")
def test_student_success_is_told_its_database(observed: Observed, tmp_path: Path) -> None:
    [entry] = [
        one
        for one in profile("student_success")["system_health_checks"]
        if one["kind"] == "database_address"
    ]
    asked = {"name": entry["name"], "requirements": entry["requirements"]}
    with_server = env(tmp_path, "DATABASE_URL=postgresql://u:p@127.0.0.1/student_success")
    server = observed("database_address", file=with_server, **asked)
    small = observed("database_address", file=env(tmp_path), sqlite=database(tmp_path), **asked)

    assert entry["file"] == "/opt/student_success/.env.production"
    assert entry["sqlite"] == "/opt/student_success/mvp_data.db"
    for found, figure in ((server, "DATABASE_URL"), (small, "mvp_data.db")):
        one = found[f"database_address:{entry['name']}"]

        assert one["status"] == "ok"

        evidence.add("student_success", [one], figure)
