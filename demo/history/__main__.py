# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give this host its history: ``python3 -m demo.history``, as root, before the systems start."""

from __future__ import annotations

import datetime as dt
import functools
import json
import sys
import time
import typing as t
from pathlib import Path

from . import artifacts, fairedge, journal, rows, systems
from .host import BACKUPS, DESCRIPTION, HistoryHost, read
from .logfiles import (
    DayLines,
    FileOwner,
    HistoryClock,
    Writer,
    daily,
    kept,
    monthly,
    periods,
    weekly,
)

SUMMARY: t.Final = Path("/var/lib/demo/history.json")
KEPT: t.Final = {
    "fairedge": 30,
    "racing": 180,
    "student_success": 30,
}  # days that the guides keep logs
NGINX: t.Final = Path("/var/log/nginx/access.log")
NGINX_FILES: t.Final = 14


def fairedge_logs(host: HistoryHost, writer: Writer) -> None:
    """Write the logs of a month, nginx's of two weeks, and archives of what is older."""

    @functools.lru_cache(maxsize=2)
    def seen(day: dt.date, age: int) -> fairedge.LogDay:
        return fairedge.happenings(host.seed, day, age)

    sources: dict[str, DayLines] = {
        "api.log": lambda day, age: fairedge.api(day, seen(day, age)),
        "celery.log": lambda day, age: fairedge.celery(host.seed, day, age),
    }
    folder, today, keep = Path(host.settings["log_dir"]), host.clock.today, KEPT["fairedge"]
    files = periods(today, min(host.log_days, keep), daily)
    owner = FileOwner(host.user, host.user)
    for name, lines in sources.items():
        writer.dated(folder / name, files, host.clock, lines, owner)

    writer.numbered(
        NGINX,
        min(host.log_days, NGINX_FILES),
        host.clock,
        lambda day, age: fairedge.access(day, seen(day, age)),
        FileOwner("www-data", "adm"),
    )
    members = {str(folder / name).lstrip("/"): lines for name, lines in sources.items()}
    oldest, end = today - dt.timedelta(days=host.log_days), today - dt.timedelta(days=keep)
    writer.archives(BACKUPS / "logs", "logs_", oldest, end, host.clock, members)


def racing_logs(host: HistoryHost, writer: Writer) -> None:
    """Write the dashboard's log."""
    files = [
        f
        for f in periods(host.clock.today, host.log_days, monthly)
        if kept(f, host.clock.today, KEPT["racing"])
    ]
    log = Path(host.settings["log_dir"]) / host.settings["log_file"]
    lines = functools.partial(systems.racing, host.seed)
    writer.dated(log, files, host.clock, lines, FileOwner(host.user, host.user))


def student_logs(host: HistoryHost, writer: Writer) -> None:
    """Write the logs of the service, its monitor and its tests."""
    keep = KEPT["student_success"]
    files = [
        f
        for f in periods(host.clock.today, host.log_days, weekly)
        if kept(f, host.clock.today, keep)
    ]
    sources = {
        "app.log": systems.student_app,
        "health_monitor.log": systems.student_monitor,
        "automated_tests.log": systems.student_tests,
    }

    for name, lines in sources.items():
        log = Path(host.settings["log_dir"]) / name
        writer.dated(
            log,
            files,
            host.clock,
            functools.partial(lines, host.seed),
            FileOwner(host.user, host.user),
        )


LOGS: t.Final[dict[str, t.Callable[[HistoryHost, Writer], None]]] = {
    "fairedge": fairedge_logs,
    "racing": racing_logs,
    "student_success": student_logs,
}


def journal_sources(host: HistoryHost) -> list[journal.JournalSource]:
    """Return what this host's journal tells of."""
    of_host = functools.partial(systems.sshd, host.seed, host.name)
    found = [journal.JournalSource("ssh.service", "sshd", "syslog", of_host)]
    if host.system == "hyperopt" and "app" in host.components:
        lines = functools.partial(systems.hyperopt, host.seed, host.name)
        found.append(journal.JournalSource("hyperopt-api.service", "python3", "stdout", lines))

    if host.system == "trailblaze":
        for unit, source in (
            ("trailblaze-api", systems.trailblaze),
            ("trailblaze-scraper", systems.scraper),
        ):
            lines = functools.partial(source, host.seed)
            found.append(journal.JournalSource(f"{unit}.service", "python3", "stdout", lines))

    return found


def make(host: HistoryHost) -> dict[str, t.Any]:
    """Make everything that this host's components have room for.

    Return what there is now and the seconds it took.
    """
    facts: dict[str, t.Any] = {
        "seed": host.seed,
        "day": str(host.clock.today),
        "rows": 0,
        "keys": 0,
        "seconds": {},
    }
    writer = Writer()

    def phase(name: str, work: t.Callable[[], int]) -> int:
        began = time.monotonic()
        count = work()
        facts["seconds"][name] = round(time.monotonic() - began, 1)
        return count

    def logs() -> int:
        if host.system in LOGS and "app" in host.components:
            LOGS[host.system](host, writer)
        return writer.bytes

    if "postgresql" in host.components:
        facts["rows"] += phase("postgresql", lambda: rows.postgresql(host))

    if "sqlite" in host.components:
        facts["rows"] += phase("sqlite", lambda: rows.sqlite(host))

    if "celery" in host.components:
        facts["keys"] = phase("redis", lambda: rows.redis(host))

    facts["log_bytes"] = phase("logs", logs)
    facts["journal_bytes"] = phase(
        "journal",
        lambda: journal.write(journal_sources(host), host.name, host.clock, host.log_days),
    )
    facts["cache_entries"] = (
        phase("caches", lambda: artifacts.caches(host)) if host.system == "trailblaze" else 0
    )
    facts["backups"] = phase("backups", lambda: artifacts.backups(host))

    return facts


def main() -> int:
    """Make the history, once, and write down what was made."""
    clock = HistoryClock.now(dt.datetime.now(dt.UTC))
    host = read(DESCRIPTION.read_text(encoding="utf-8"), clock)
    if host is None:
        return 0

    facts = make(host)
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    print(f"history of {host.name}: {json.dumps(facts)}")

    return 0


if __name__ == "__main__":
    sys.exit(main())
