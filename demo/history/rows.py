# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows: the SQL of this folder in PostgreSQL, uploads in SQLite, results of tasks in Redis."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import typing as t
from pathlib import Path

from . import seeded
from .host import HistoryHost, as_postgres, run
from .lines import moment

SQL: t.Final = Path(__file__).resolve().parent / "sql"
UPLOADS: t.Final = 6000
RESULTS: t.Final = 60  # of tasks, within their last hour
FAILED: t.Final = 4  # tasks that nobody has looked at yet


def postgresql(host: HistoryHost) -> int:
    """Fill the database up, clean up after it, and return the number of its rows."""
    database = host.settings["database"]
    statements = "".join(
        (SQL / f"{name}.sql").read_text(encoding="utf-8") for name in ("common", host.system)
    )
    psql = ("psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", database)
    # For what goes on to make rows while the system runs; a setting with a made up name is not the
    # owner's to set.
    as_postgres(*psql, "-c", f"ALTER DATABASE \"{database}\" SET demo.seed = '{host.seed}'")
    script = f'SET ROLE "{host.user}";\n{statements}'.encode()
    as_postgres(
        *(*psql, "--single-transaction", "-v", f"seed={host.seed}", "-v", f"days={host.days}"),
        stdin=script,
    )
    # Statistics and free space are those of a database that is looked after.
    as_postgres(*psql, "-c", "VACUUM (ANALYZE)")
    counted = as_postgres(*psql, "-c", "SELECT sum(n_live_tup) FROM pg_stat_user_tables")

    return int(counted or 0)


def uploads(host: HistoryHost, oldest: dt.datetime) -> list[tuple[int, float, str]]:
    """Return uploads (rows, seconds, moment) from before the oldest one that there is."""
    numbers = seeded.stream(host.seed, "uploads")
    made = []
    for number in range(UPLOADS):
        day = host.clock.today - dt.timedelta(days=1 + number * (host.days - 1) // UPLOADS)
        ms = seeded.moments(numbers, 1, seeded.OFFICE)[0]
        when = f"{moment(day, ms)[:10]} {moment(day, ms)[11:19]}"
        size = numbers.randint(1, 40)
        if when < f"{oldest:%Y-%m-%d %H:%M:%S}":
            made.append((size, round(0.01 + size / 1500 + numbers.random() / 100, 4), when))

    return sorted(made, key=lambda upload: upload[2])


def sqlite(host: HistoryHost) -> int:
    """Fill the small edition up; return the number of its rows."""
    with (
        contextlib.closing(sqlite3.connect(host.home / host.settings["sqlite"])) as database,
        database,
    ):
        (oldest,) = database.execute("SELECT min(created_at) FROM uploads").fetchone()
        made = uploads(host, dt.datetime.fromisoformat(oldest))
        database.executemany(
            "INSERT INTO uploads (rows, seconds, created_at) VALUES (?, ?, ?)", made
        )
        (rows,) = database.execute("SELECT count(*) FROM uploads").fetchone()
        return int(rows)


def task_keys(host: HistoryHost) -> list[tuple[str, ...]]:
    """Return the Redis commands that leave what workers leave: results, a few failed tasks."""
    numbers = seeded.stream(host.seed, "tasks", host.clock.today)
    commands: list[tuple[str, ...]] = []
    midnight = dt.datetime.combine(host.clock.today, dt.time())
    now = midnight + dt.timedelta(milliseconds=host.clock.ms)

    for number in range(RESULTS):
        name, age = seeded.uuid(numbers), 1 + number * 59
        done = (now - dt.timedelta(seconds=age)).isoformat()
        value = {
            "status": "SUCCESS",
            "result": 200,
            "traceback": None,
            "children": [],
            "date_done": done,
            "task_id": name,
        }
        commands.append(
            ("SET", f"celery-task-meta-{name}", json.dumps(value), "EX", str(3600 - age))
        )

    commands.append(("DEL", "celery_failed"))

    for number in range(FAILED):
        day = host.clock.today - dt.timedelta(days=5 + number * 20)
        failed = {
            "task": "odds_refresh",
            "task_id": seeded.uuid(numbers),
            "error": "TimeLimitExceeded(300)",
        }
        commands.append(
            (
                "RPUSH",
                "celery_failed",
                json.dumps({**failed, "failed_at": moment(day, numbers.randrange(seeded.DAY_MS))}),
            )
        )

    return commands


def protocol(commands: t.Iterable[tuple[str, ...]]) -> bytes:
    """Return commands as Redis reads them."""
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        parts += [b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()) for word in command]

    return b"".join(parts)


def redis(host: HistoryHost) -> int:
    """Fill the task queue's database and keep it on disk; return the number of its keys."""
    run("systemctl", "start", "redis-server.service")
    run("redis-cli", "--pipe", stdin=protocol(task_keys(host)))
    run("redis-cli", "save")
    return int(run("redis-cli", "dbsize"))
