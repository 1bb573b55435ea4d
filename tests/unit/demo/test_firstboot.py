# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first boot's pure parts, and the service's log lines."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import string
import sys
import typing as t
from pathlib import Path

import pytest

from demo import access, fleet
from demo.app.services import logs, settings
from demo.image import firstboot

SOURCES = fleet.PROJECT / "demo" / "image"


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firstboot, "SHARE", SOURCES)


@pytest.fixture
def hosts(tmp_path: Path) -> dict[str, firstboot.BootHost]:
    """All hosts as their first boot reads them."""
    whole = fleet.select(fleet.load(), "mol-x", [], tmp_path)
    access.prepare(whole)

    return {
        name: firstboot.BootHost(**json.loads(text))
        for name, text in access.describe(whole).items()
    }


def test_units_follow_from_system_and_components(hosts: dict[str, firstboot.BootHost]) -> None:
    assert set(firstboot.units(hosts["fairedge-1"])) == {
        "fairedge-api.service",
        "fairedge-celery-worker.service",
        "fairedge-celery-beat.service",
    }
    assert set(firstboot.units(hosts["hyperopt-api2"])) == {"hyperopt-api.service"}
    assert firstboot.units(hosts["hyperopt-db"]) == {}
    assert firstboot.units(hosts["racing-1"]) == {
        "racing-dashboard.service": ("dashboard.service", "dashboard.log")
    }
    assert set(firstboot.units(hosts["student-success-1"])) == {"student-success-api.service"}
    assert set(firstboot.units(hosts["trailblaze-1"])) == {
        "trailblaze-api.service",
        "trailblaze-scraper.service",
        "trailblaze-scraper.timer",
    }


def test_every_template_can_be_filled_for_every_host(hosts: dict[str, firstboot.BootHost]) -> None:
    names = sorted(path.name for path in (SOURCES / "templates").iterdir())
    for host in hosts.values():
        values = {**firstboot.values(host), "log_file": ""}
        filled = {name: firstboot.template(name, values) for name in names}
        for unit in ("api.service", "dashboard.service", "sinks.service"):
            assert f"PORT={host.settings['port']}" in filled[unit]

        assert "proxy_set_header Host $host;" in filled["nginx.conf"], "what is nginx's own stays"

    with pytest.raises(KeyError):
        firstboot.template("nginx.conf", {})


def test_the_password_is_not_in_a_unit(hosts: dict[str, firstboot.BootHost]) -> None:
    host = hosts["fairedge-1"]
    values = {**firstboot.values(host), "log_file": ""}
    for path in (SOURCES / "templates").iterdir():
        text = string.Template(path.read_text()).substitute(values)
        assert (host.database_password in text) == (path.name == "env.production")


def test_the_queue_exists_only_where_celery_is(hosts: dict[str, firstboot.BootHost]) -> None:
    assert firstboot.urls(hosts["fairedge-1"])["broker_url"] == "redis://127.0.0.1:6379/0"
    assert firstboot.urls(hosts["hyperopt-api1"])["broker_url"] == ""
    assert set(firstboot.urls(hosts["racing-1"]).values()) == {""}
    assert "@hyperopt-db:5432/hyperopt" in firstboot.urls(hosts["hyperopt-api1"])["database_url"]


def test_the_database_is_filled_whole_or_not_at_all(hosts: dict[str, firstboot.BootHost]) -> None:
    sql = firstboot.database_sql(hosts["fairedge-1"])

    assert "CREATE EXTENSION pg_stat_statements;" in sql
    assert (
        sql.index("DROP DATABASE IF EXISTS")
        < sql.index("BEGIN;")
        < sql.index("CREATE TABLE opportunities")
    )
    assert sql.rstrip().endswith("COMMIT;")


def test_a_written_file_never_has_wider_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[t.Any, ...]] = []
    monkeypatch.setattr("shutil.chown", lambda *given: owners.append(given))
    path = tmp_path / "new" / "secret"
    firstboot.write(path, "x", 0o600, "root", "shop")

    assert path.stat().st_mode & 0o777 == 0o600
    assert owners == [(path, "root", "shop")]


FIELDS = {
    "timestamp", "level", "service", "message", "request_id", "user_id", "endpoint",
    "duration_ms", "status_code",
}  # fmt: skip


@pytest.mark.requirement("R-fairedge-29")
def test_every_log_line_carries_the_fixed_fields() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "Request %s", ("processed",), None)
    record.created = 1767225600.25
    record.status_code = 200
    entry = json.loads(logs.JsonFormatter("api").format(record))

    assert set(entry) >= FIELDS
    assert (entry["timestamp"], entry["message"], entry["status_code"]) == (
        "2026-01-01T00:00:00.250Z",
        "Request processed",
        200,
    )
    assert entry["user_id"] is None


def request_record() -> logging.LogRecord:
    record = logging.LogRecord(
        "services.api", logging.INFO, __file__, 1, "Request processed", (), None
    )
    record.created = 1767225600.25
    record.__dict__.update(
        method="GET", endpoint="/health", status_code=200, duration_ms=1.5, request_id="req_1"
    )

    return record


@pytest.mark.requirement("R-trailblaze-35", "R-trailblaze-36")
def test_the_rest_of_a_log_line_is_its_context() -> None:
    entry = json.loads(logs.ContextFormatter("api").format(request_record()))

    assert set(entry) == {
        "timestamp",
        "level",
        "service",
        "request_id",
        "user_id",
        "message",
        "context",
    }
    assert entry["context"] == {"endpoint": "/health", "status_code": 200, "duration_ms": 1.5}


def test_a_text_line_says_what_was_asked_and_answered() -> None:
    line = logs.TextFormatter("api").format(request_record())
    assert (
        line
        == "2026-01-01T00:00:00.250Z INFO services.api: Request processed GET /health 200 OK 1.5 ms"
    )


def test_sqlite_is_in_wal_mode_and_a_second_first_boot_makes_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "mvp_data.db"
    for _ in range(2):
        firstboot.set_up_sqlite(path)
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert database.execute("SELECT count(*) FROM uploads").fetchone() == (2000,)


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())

    line = logs.JsonFormatter("api").format(record)

    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["message"]


def test_rotation_by_rename_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "api.log"
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.configure(settings.load({"SYSTEM": "shop", "SERVICE": "api", "LOG_FILE": str(path)}))
        logging.getLogger("test").info("one")
        path.rename(tmp_path / "api.log.1")
        logging.getLogger("test").info("two")
        kept = [json.loads(file.read_text())["message"] for file in (tmp_path / "api.log.1", path)]
    finally:
        for handler in logging.getLogger().handlers:
            handler.close()

        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)

    assert kept == ["one", "two"]


def test_settings_name_the_variable_that_is_missing_or_wrong() -> None:
    assert settings.load({"SYSTEM": "shop", "SERVICE": "api", "PORT": "8001"}).port == 8001
    with pytest.raises(SystemExit, match="SERVICE"):
        settings.load({"SYSTEM": "shop"})
    with pytest.raises(SystemExit, match="PORT"):
        settings.load({"SYSTEM": "shop", "SERVICE": "api", "PORT": "http"})
