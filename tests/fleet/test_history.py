# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history on a running fleet: a year of rows, logs that go on, a journal, whole backups.

Needs a fleet that was started with a history, as the default one is; ``UPKEEP_FLEET`` names another
one.
"""

from __future__ import annotations

import json
import os
import typing as t

import pytest

from demo import engine, fleet

FLEET = os.environ.get("UPKEEP_FLEET", fleet.DEFAULT)
DEFINITION = fleet.load()
REMEMBERING = [host.name for host in DEFINITION.hosts.values() if host.has_history]


def inside(host: str, *argv: str) -> str:
    """Return what a command says on a host; raises DemoError when it fails."""
    name = fleet.select(DEFINITION, FLEET, [], fleet.PROJECT / ".demo").container(host)
    return engine.podman("exec", name, *argv).stdout


def journal(host: str, unit: str, since: int, until: int) -> str:
    """Return what a unit said between so many days ago and so many."""
    window = (f"--since=-{since} days", f"--until=-{until} days")
    return inside(host, "journalctl", "--quiet", "--output=cat", f"--unit={unit}", *window)


@pytest.fixture(scope="module", autouse=True)
def _ready() -> None:
    engine.require()


def told(host: str) -> dict[str, t.Any]:
    """Return what the host's first start noted about its history."""
    facts: dict[str, t.Any] = json.loads(inside(host, "cat", "/var/lib/demo/history.json"))
    return facts


@pytest.mark.parametrize("host", REMEMBERING)
def test_every_host_has_its_history(host: str) -> None:
    assert told(host)["seed"] >= 1
    assert "Accepted publickey" in journal(host, "ssh.service", 60, 30)


def test_rows_and_logs_of_the_fleet_are_as_many_as_a_year_leaves() -> None:
    facts = [told(host) for host in REMEMBERING]
    assert sum(fact["rows"] for fact in facts) > 900_000
    assert 100e6 < sum(fact["log_bytes"] for fact in facts) < 200e6


@pytest.mark.parametrize(
    ("host", "database", "table", "moment"),
    [
        ("fairedge-1", "fairedge_prod", "odds_history", "recorded_at"),
        ("hyperopt-db", "hyperopt", "market_data", '"timestamp"'),
        ("student-success-1", "student_success", "predictions", "created_at"),
        ("trailblaze-1", "trailblaze", "scraper_runs", "started_at"),
    ],
)
def test_tables_reach_from_a_year_ago_to_today(
    host: str, database: str, table: str, moment: str
) -> None:
    query = (
        f"SELECT extract(day FROM now() - min({moment})),"  # noqa: S608
        f" extract(day FROM now() - max({moment}))"
        f" FROM {table} WHERE {moment} <= now()"
    )
    argv = (
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-qXAt",
        "-F",
        " ",
        "-d",
        database,
        "-c",
        query,
    )
    oldest, newest = map(int, inside(host, *argv).split())

    assert oldest >= 362 and newest == 0


@pytest.mark.parametrize("unit", ["trailblaze-api.service", "trailblaze-scraper.service"])
def test_the_journal_of_a_unit_reaches_back(unit: str) -> None:
    lines = journal("trailblaze-1", unit, 110, 100).splitlines()
    assert len(lines) >= 10
    keys = {"timestamp", "level", "service", "message", "request_id", "user_id", "context"}
    assert all(set(json.loads(line)) == keys for line in lines)


@pytest.mark.parametrize(
    ("host", "log", "count"),
    [
        ("fairedge-1", "/var/log/fairedge/api.log", 25),
        ("fairedge-1", "/var/log/fairedge/celery.log", 25),
        # 180 days have five or six first Mondays, and the newest piece is not packed yet.
        ("racing-1", "/srv/racing_analytics/dashboard.log", 4),
        ("student-success-1", "/opt/student_success/logs/app.log", 3),
    ],
)
def test_the_live_log_goes_on_and_rotated_ones_are_whole(host: str, log: str, count: int) -> None:
    owner = DEFINITION.hosts[host].settings["user"]

    assert inside(host, "stat", "--format=%U %a", log).split() == [owner, "640"]

    found = inside(
        host, "find", log.rpartition("/")[0], "-name", f"{log.rpartition('/')[2]}-*.gz"
    ).split()

    assert len(found) >= count

    inside(host, "gzip", "--test", *found)


def test_backups_can_be_read_by_the_tools_that_made_them() -> None:
    for pattern, host, tool in (
        ("/backups/daily/*.sql.gz", "fairedge-1", "gzip --test"),
        ("/backups/logs/*.tar.gz", "fairedge-1", "tar --list --gzip --file"),
        ("/backups/redis/*.rdb", "fairedge-1", "redis-check-rdb"),
        ("/backups/monthly/*/database.sql.gz", "hyperopt-db", "gzip --test"),
        ("/backups/*.backup", "trailblaze-1", "pg_restore --list"),
        (
            "/srv/racing_analytics/backups/post_race/code_*.tar.gz",
            "racing-1",
            "tar --list --gzip --file",
        ),
    ):
        names = inside(host, "sh", "-c", f"ls {pattern}").split()
        assert len(names) >= 3
        for name in names:
            inside(host, *tool.split(), name)

    copy = inside(
        "student-success-1", "sh", "-c", "ls -t /opt/student_success/backups/*.db | head -n 1"
    ).strip()

    assert inside("student-success-1", "sqlite3", copy, "PRAGMA integrity_check").strip() == "ok"
