# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files, journal, caches, backups and queue of the history, and that they follow the seed."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import shutil
import sqlite3
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation import rotated_files
from hypothesis import given, settings
from hypothesis import strategies as st

from demo import access, fleet
from demo.app.services import pages
from demo.history import __main__ as history
from demo.history import artifacts, journal, logfiles, rows
from demo.history import host as hosts
from demo.history.lines import Line

TODAY = dt.date(2026, 3, 18)
NOON = logfiles.HistoryClock(TODAY, 12 * 3_600_000)
STARTS = {"daily": logfiles.daily, "weekly": logfiles.weekly, "monthly": logfiles.monthly}
OWNER = logfiles.FileOwner("nobody", "nogroup")
DAYS = st.dates(min_value=dt.date(2024, 1, 1), max_value=dt.date(2035, 12, 31))


@pytest.fixture(autouse=True)
def owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files belong to whoever runs the tests."""
    monkeypatch.setattr("shutil.chown", lambda *_, **__: None)


def hourly(day: dt.date, _age: int) -> list[Line]:
    """One line each hour."""
    return [(hour * 3_600_000, f"{day} {hour:02}") for hour in range(24)]


def host(
    name: str = "fairedge-1", clock: logfiles.HistoryClock = NOON, seed: int = 1, **changes: t.Any
) -> hosts.HistoryHost:
    """Return a host of the shipped fleet with a history."""
    made = fleet.load().hosts[name]
    found = hosts.HistoryHost(
        made.name, made.system, made.components, made.settings, seed, 365, 40, clock
    )
    return found._replace(**changes)


@given(
    today=DAYS,
    days=st.integers(min_value=1, max_value=400),
    cadence=st.sampled_from(sorted(STARTS)),
)
def test_every_day_is_in_one_file(today: dt.date, days: int, cadence: str) -> None:
    files = logfiles.periods(today, days, STARTS[cadence])
    covered = [day for period in files for day in period.days]
    assert covered == [today - dt.timedelta(days=age) for age in range(days, -1, -1)]
    assert [period.end for period in files] == [*(period.days[0] for period in files[1:]), None]
    assert files[-1].days[-1] == today


@given(
    today=DAYS,
    keep=st.integers(min_value=1, max_value=200),
    cadence=st.sampled_from(sorted(STARTS)),
)
def test_nothing_is_kept_too_long_at_any_time_of_the_day(
    today: dt.date, keep: int, cadence: str
) -> None:
    """As the role that rotates logs sees it."""
    files = [
        f for f in logfiles.periods(today, 400, STARTS[cadence]) if logfiles.kept(f, today, keep)
    ]
    late = dt.datetime.combine(today, dt.time(23, 59, 59)).timestamp()
    names = [f"/log-{f.end:%Y%m%d}-000000" for f in files if f.end]
    found = [file for name in names if (file := rotated_files.parse_rotated(name))]

    assert len(found) == len(names)
    assert rotated_files.expired(found, keep, late) == []


@given(
    first=st.integers(min_value=0, max_value=86_399_999),
    second=st.integers(min_value=0, max_value=86_399_999),
)
def test_a_later_start_only_adds_to_today(first: int, second: int) -> None:
    early, late = (
        logfiles.text_of([TODAY], logfiles.HistoryClock(TODAY, ms), hourly)
        for ms in (min(first, second), max(first, second))
    )

    assert late.startswith(early)
    assert logfiles.text_of([TODAY - dt.timedelta(days=1)], NOON, hourly).count(b"\n") == 24


def test_a_log_with_dates_has_one_rotated_file_that_is_not_compressed(tmp_path: Path) -> None:
    writer = logfiles.Writer()
    files = logfiles.periods(TODAY, 3, logfiles.daily)
    writer.dated(tmp_path / "api.log", files, NOON, hourly, OWNER)
    names = sorted(path.name for path in tmp_path.iterdir())

    assert names == [
        "api.log",
        "api.log-20260316-000000.gz",
        "api.log-20260317-000000.gz",
        "api.log-20260318-000000",
    ]
    assert (tmp_path / "api.log").read_text().splitlines()[-1] == "2026-03-18 11"
    assert gzip.decompress((tmp_path / "api.log-20260316-000000.gz").read_bytes()).startswith(
        b"2026-03-15 00\n"
    )
    assert writer.bytes == sum(
        len(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        for path in tmp_path.iterdir()
    )

    rotated = dt.datetime.fromtimestamp(
        (tmp_path / "api.log-20260318-000000").stat().st_mtime, dt.UTC
    )

    assert rotated == dt.datetime(2026, 3, 18, tzinfo=dt.UTC)


def test_a_log_with_numbers_is_as_debian_rotates_it(tmp_path: Path) -> None:
    logfiles.Writer().numbered(tmp_path / "access.log", 3, NOON, hourly, OWNER)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["access.log", "access.log.1", "access.log.2.gz", "access.log.3.gz"]
    assert (tmp_path / "access.log.1").read_text().startswith("2026-03-17 00\n")


def test_archives_hold_each_day_once_and_the_same_bytes(tmp_path: Path) -> None:
    oldest, end = dt.date(2026, 1, 20), dt.date(2026, 2, 16)
    for name in ("a", "b"):
        logfiles.Writer().archives(
            tmp_path / name, "logs_", oldest, end, NOON, {"var/log/x": hourly}
        )

    found = sorted((tmp_path / "a").iterdir())

    assert [path.name for path in found] == ["logs_20260201.tar.gz", "logs_20260216.tar.gz"]

    text = b""

    for path in found:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with tarfile.open(path) as tar:
            member = tar.extractfile("var/log/x")
            assert member is not None
            text += member.read()

    assert text.count(b"\n") == (end - oldest).days * 24


def exported(data: bytes) -> list[dict[str, str]]:
    """Return the entries of systemd's export format."""
    blocks = [block for block in data.decode().split("\n\n") if block]
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]


def test_the_journal_is_in_order_up_to_now_and_names_its_units() -> None:
    sources = history.journal_sources(host("trailblaze-1"))
    found = exported(b"".join(journal.entries(sources, "trailblaze-1", "0" * 32, NOON, 20)))
    moments = [int(entry["__REALTIME_TIMESTAMP"]) for entry in found]
    noon = int(dt.datetime(2026, 3, 18, 12, tzinfo=dt.UTC).timestamp() * 1e6)

    assert moments == sorted(set(moments)) and moments[-1] < noon < moments[-1] + 6 * 3_600_000_000

    units = {entry["_SYSTEMD_UNIT"] for entry in found}

    assert units == {"ssh.service", "trailblaze-api.service", "trailblaze-scraper.service"}
    assert all(json.loads(e["MESSAGE"]) for e in found if e["_SYSTEMD_UNIT"] != "ssh.service")
    assert len({entry["_BOOT_ID"] for entry in found}) == 1


@pytest.mark.parametrize(
    ("name", "units"), [("hyperopt-api1", 2), ("hyperopt-db", 1), ("fairedge-1", 1)]
)
def test_what_logs_to_a_file_is_not_in_the_journal(name: str, units: int) -> None:
    assert len(history.journal_sources(host(name))) == units


@pytest.mark.parametrize("name", ["fairedge-1", "racing-1", "student-success-1"])
def test_all_logs_of_a_host_follow_from_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = tmp_path / "host"
    monkeypatch.setattr(history, "BACKUPS", root / "backups")
    monkeypatch.setattr(history, "NGINX", root / "nginx" / "access.log")

    def made(seed: int) -> dict[str, bytes]:
        one = host(
            name,
            seed=seed,
            log_days=15,
            settings={**host(name).settings, "log_dir": str(root / "logs")},
        )
        history.LOGS[one.system](one, logfiles.Writer())
        found = {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }
        shutil.rmtree(root)

        return found

    first, second, other = made(1), made(1), made(2)

    assert first == second
    assert set(first) == set(other)
    assert all(first[name] != other[name] for name in first if first[name])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(min_value=1, max_value=2**31), today=DAYS)
def test_cache_entries_hold_as_many_events_as_rows_and_some_are_past_their_life(
    seed: int, today: dt.date
) -> None:
    one = host("trailblaze-1", logfiles.HistoryClock(today, 3_600_000), seed)
    made = artifacts.cache_entries(one)

    assert made == artifacts.cache_entries(one)
    assert len(made) == 4 * artifacts.PAST_MONTHS

    months = {name.removesuffix(".html") for name in made if name.endswith(".html")}

    for stem in months:
        events = json.loads(made[f"{stem}.json"][0])["events"]
        assert made[f"{stem}.html"][0].count("<tr>") == len(events) == pages.RIDES
        assert stem < f"aerc_calendar_{today:%Y-%m}", "the months to come are the scraper's own"

    expired = sum(made[f"{stem}.html"][1] > pages.LIFE["html"] for stem in months)

    assert expired < len(months)


def test_results_of_tasks_expire_and_failures_are_old() -> None:
    commands = rows.task_keys(host())
    results = [command for command in commands if command[0] == "SET"]

    assert len(results) == rows.RESULTS
    assert all(
        0 < int(command[4]) < 3600 and json.loads(command[2])["status"] == "SUCCESS"
        for command in results
    )

    failed = [json.loads(command[2]) for command in commands if command[0] == "RPUSH"]

    assert failed and all(entry["failed_at"] < "2026-03-14" for entry in failed)
    assert commands == rows.task_keys(host()) != rows.task_keys(host(seed=2))


def test_commands_are_written_as_redis_reads_them() -> None:
    assert rows.protocol([("SET", "ä", "1")]) == b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$1\r\n1\r\n"


def test_uploads_fill_the_year_before_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "mvp_data.db"
    with sqlite3.connect(path) as database:
        database.executescript((fleet.PROJECT / "demo/image/sql/mvp_data.sql").read_text())

    one = host(
        "student-success-1", settings={"home": str(tmp_path), "sqlite": path.name, "user": "x"}
    )
    oldest = dt.datetime(2026, 2, 20, 8)
    made = rows.uploads(one, oldest)

    assert made == rows.uploads(one, oldest) != rows.uploads(one._replace(seed=2), oldest)
    assert made[0][2] < "2025-03-21" and made[-1][2] < "2026-02-20 08:00:00"
    assert all(1 <= size <= 40 and seconds > 0 for size, seconds, _ in made)
    assert rows.sqlite(one) > 3000

    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_copy_of_the_small_edition_is_a_whole_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (i); INSERT INTO t VALUES (1), (2);"
        )

    (tmp_path / "copy.db").write_bytes(artifacts._sqlite_copy(tmp_path / "x.db"))
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_description_says_whether_there_is_a_history(tmp_path: Path) -> None:
    started = fleet.select(fleet.load(), "mol-x", [], tmp_path)
    access.prepare(started)

    assert {hosts.read(text, NOON) for text in access.describe(started).values()} == {None}

    known = fleet.load().history
    texts = access.describe(started._replace(history=known))

    assert hosts.read(texts["ops-1"], NOON) is None, "it is given none"

    one = hosts.read(texts["racing-1"], NOON)

    assert one is not None and (one.seed, one.days, one.log_days) == (1, 365, 180)
    assert one.home == Path("/srv/racing_analytics")


def test_an_archive_can_be_read_back() -> None:
    data = logfiles.archive({"strategies/strategies.csv": b"id\n1\n"}, TODAY)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["strategies/strategies.csv"]
