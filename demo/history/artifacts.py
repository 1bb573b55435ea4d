# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Caches and backups of mixed age.

Backups are made by the tools that make real ones, from what the host holds.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from ..app.services import pages
from . import seeded
from .host import BACKUPS, HistoryHost, as_postgres, run
from .logfiles import archive

#: Kinds of cache entries with the oldest age that a history has, in hours: half of them are past
#: their life time.
KINDS: t.Final = (("html", 48), ("json", 24), ("comparison", 12), ("gemini", 14 * 24))
PAST_MONTHS: t.Final = 12


def cache_entries(host: HistoryHost) -> dict[str, tuple[str, float]]:
    """Return name -> (text, age in seconds) of cache entries of the past year's months.

    Rows and events agree.
    """
    made: dict[str, tuple[str, float]] = {}
    numbers = seeded.stream(host.seed, "cache", host.clock.today)
    for back in range(1, PAST_MONTHS + 1):
        place = host.clock.today.year * 12 + host.clock.today.month - 1 - back
        first = dt.date(place // 12, place % 12 + 1, 1)
        source = pages.page(first)
        events, stem = pages.events_of(source), f"aerc_calendar_{first:%Y-%m}"
        question = f"Describe the rides of {first:%B %Y}."
        digest = hashlib.sha256(question.encode()).hexdigest()[:12]
        ages = {kind: (0.05 + 0.95 * numbers.random()) * hours * 3600 for kind, hours in KINDS}
        stamps = {kind: _stamp(host, age) for kind, age in ages.items()}
        made |= {
            f"{stem}.html": (source, ages["html"]),
            f"{stem}.json": (
                json.dumps({"fetched_at": stamps["json"], "events": events}, indent=1),
                ages["json"],
            ),
            f"comparison_{stem}.json": (
                json.dumps(
                    {"compared_at": stamps["comparison"], "events": len(events), "changed": 0}
                ),
                ages["comparison"],
            ),
            f"gemini_{digest}.json": (
                json.dumps(
                    {
                        "asked_at": stamps["gemini"],
                        "question": question,
                        "answer": f"{len(events)} rides.",
                    }
                ),
                ages["gemini"],
            ),
        }

    return made


def _stamp(host: HistoryHost, age: float) -> str:
    midnight = dt.datetime.combine(host.clock.today, dt.time(), dt.UTC)
    return (midnight + dt.timedelta(milliseconds=host.clock.ms, seconds=-age)).isoformat(
        timespec="seconds"
    )


def caches(host: HistoryHost) -> int:
    """Write the cache entries, each as old as it says; return how many."""
    now = _seconds(host.clock.today) + host.clock.ms / 1000
    made = cache_entries(host)
    for name, (text, age) in made.items():
        path = host.home / "cache" / name
        path.write_text(text, encoding="utf-8")
        shutil.chown(path, host.user, host.user)
        os.utime(path, (now - age, now - age))

    return len(made)


class Copy(t.NamedTuple):
    """One backup: its path, the day it was made, its bytes."""

    path: Path
    day: dt.date
    data: bytes


def backups(host: HistoryHost) -> int:
    """Write the backups that the system's guide asks for, readable by root only.

    Return how many.
    """
    made = MAKERS[host.system](host) if host.system in MAKERS else []
    for copy in made:
        copy.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        copy.path.write_bytes(copy.data)
        copy.path.chmod(0o640)
        os.utime(copy.path, (_seconds(copy.day), _seconds(copy.day)))

    return len(made)


def days_back(host: HistoryHost, count: int) -> list[dt.date]:
    """Return days of backups, the newest first; each is made at midnight."""
    return [host.clock.today - dt.timedelta(days=number) for number in range(count)]


def month_starts(host: HistoryHost, count: int) -> list[dt.date]:
    """Return the first days of this month and of those before it."""
    month = host.clock.today.year * 12 + host.clock.today.month - 1
    return [dt.date((month - back) // 12, (month - back) % 12 + 1, 1) for back in range(count)]


def _racing(host: HistoryHost) -> list[Copy]:
    """Code and model of each day, kept for a week."""
    folder = host.home / "backups" / "post_race"
    model = host.home / "data" / "models" / "lightgbm_baseline.pkl"
    code = _tar(host.home, ["src"])

    return [
        copy
        for day in days_back(host, 7)
        for copy in (
            Copy(folder / f"code_{day:%Y%m%d}.tar.gz", day, code),
            Copy(folder / f"model_{day:%Y%m%d}.pkl", day, model.read_bytes()),
        )
    ]


def _student_success(host: HistoryHost) -> list[Copy]:
    """Database and small edition of each month."""
    folder = host.home / "backups"
    dump = gzip.compress(_dump(host, "plain"), 4, mtime=0)
    small = _sqlite_copy(host.home / host.settings["sqlite"])

    return [
        copy
        for day in month_starts(host, 6)
        for copy in (
            Copy(folder / f"backup_{day:%Y%m%d}_000000.sql.gz", day, dump),
            Copy(folder / f"backup_{day:%Y%m%d}_000000.db", day, small),
        )
    ]


def _trailblaze(host: HistoryHost) -> list[Copy]:
    """One archive of the database a day, kept for a month."""
    dump = _dump(host, "custom")
    return [
        Copy(BACKUPS / f"trailblaze-{day:%Y%m%d}_000000.backup", day, dump)
        for day in days_back(host, 30)
    ]


def _hyperopt(host: HistoryHost) -> list[Copy]:
    """What a month's folder holds, on the host that has the database."""
    if "postgresql" not in host.components:
        return []

    dump = gzip.compress(_dump(host, "plain"), 1, mtime=0)
    copy = (
        "psql",
        "-qX",
        "-d",
        host.settings["database"],
        "-c",
        "COPY strategies TO STDOUT (FORMAT csv, HEADER)",
    )
    strategies = archive({"strategies/strategies.csv": as_postgres(*copy)}, host.clock.today)

    return [
        copy
        for day in month_starts(host, 3)
        for copy in (
            Copy(BACKUPS / "monthly" / f"{day:%Y%m%d}" / "database.sql.gz", day, dump),
            Copy(BACKUPS / "monthly" / f"{day:%Y%m%d}" / "strategies.tar.gz", day, strategies),
        )
    ]


def _fairedge(host: HistoryHost) -> list[Copy]:
    """Database, Redis and configuration of each day."""
    dump = gzip.compress(_dump(host, "plain"), 1, mtime=0)
    redis = Path("/var/lib/redis/dump.rdb").read_bytes()
    settings = _tar(host.home, [".env.production"])

    return [
        copy
        for day in days_back(host, 7)
        for copy in (
            Copy(BACKUPS / "daily" / f"fairedge_{day:%Y%m%d}.sql.gz", day, dump),
            Copy(BACKUPS / "redis" / f"dump_{day:%Y%m%d}.rdb", day, redis),
            Copy(BACKUPS / "config" / f"config_{day:%Y%m%d}.tar.gz", day, settings),
        )
    ]


MAKERS: t.Final[dict[str, t.Callable[[HistoryHost], list[Copy]]]] = {
    "fairedge": _fairedge,
    "hyperopt": _hyperopt,
    "racing": _racing,
    "student_success": _student_success,
    "trailblaze": _trailblaze,
}


def _dump(host: HistoryHost, form: str) -> bytes:
    return as_postgres("pg_dump", f"--format={form}", host.settings["database"])


def _tar(folder: Path, names: list[str]) -> bytes:
    return run("tar", "--create", "--gzip", f"--directory={folder}", *names)


def _sqlite_copy(database: Path) -> bytes:
    """Return a copy as SQLite's own backup makes it, whatever is in the write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        run("sqlite3", str(database), f".backup '{copy}'")
        return copy.read_bytes()


def _seconds(day: dt.date) -> float:
    return dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()
