# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of key figures: once for each run, in SQLite and PostgreSQL, failures named."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.module_utils.postgresql.server import server
from tests.unit.upkeep import run_log as log
from upkeep.__main__ import main
from upkeep.kpi import open_history
from upkeep.kpi.downsampling import Keep
from upkeep.kpi.figures import FigureHistoryError, address_of, parse_keep
from upkeep.kpi.history import FigureHistory
from upkeep.report import render as report
from upkeep.report import trends
from upkeep.run import archive, clean, record

NOW: t.Final = datetime(2026, 6, 1, 12, tzinfo=UTC)


def sqlite(tmp_path: Path) -> str:
    return address_of(str(tmp_path))


def postgresql(tmp_path: Path) -> str:
    running = server()
    folder, port = running.login["host"], running.login["port"]
    return f"postgresql+psycopg2://postgres@/{running.create_database()}?host={folder}&port={port}"


@pytest.fixture(params=[sqlite, postgresql])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made: str = request.param(tmp_path)
    return made


@pytest.fixture
def opened(address: str) -> t.Iterator[FigureHistory]:
    kept = open_history(address)
    yield kept
    kept.close()


def sample(
    value: float = 100.0, kpi: str = "uptime", host: str = "racing-1", **fields: t.Any
) -> dict[str, t.Any]:
    words = {
        "title": kpi.title(),
        "unit": "%",
        "target": {"at_least": 99.9, "at_most": None},
        "alert": {"at_least": 95.0, "at_most": None},
        "met": value > 99,
    }
    return {"system": "racing", "host": host, "kpi": kpi, **words, "value": value, **fields}


def events(
    run_id: str, days_ago: float, samples: list[dict[str, t.Any]], **fields: t.Any
) -> list[log.Event]:
    begun = {"time": clean.stamp(NOW - timedelta(days=days_ago))}
    said = log.event("kpis", samples=samples)
    found = log.seen("http:dashboard", system="racing", host="racing-1")

    return [
        log.run_started(run_id=run_id, **fields) | begun,
        found | begun,
        said | begun,
        log.verdict() | begun,
        log.run_finished() | begun,
    ]


def run(run_id: str, days_ago: float = 0.0, *samples: dict[str, t.Any], **fields: t.Any) -> t.Any:
    return record.fold(events(run_id, days_ago, list(samples or (sample(),)), **fields))


def test_a_run_is_kept_once_however_often_it_is_handed_in(opened: FigureHistory):
    assert opened.keep(run("a", 1, sample(0.0), sample(41.5, "memory")), NOW) is True
    assert opened.keep(run("a", 1, sample(0.0)), NOW) is False
    assert opened.keep(run("b", 1), NOW) is True
    assert [
        (day.kpi, day.samples, day.mean, day.low, day.high) for day in opened.days(now=NOW)
    ] == [
        ("memory", 1, 41.5, 41.5, 41.5),
        ("uptime", 2, 50.0, 0.0, 100.0),
    ]
    assert [figure.kpi for figure in opened.figures("racing")] == ["memory", "uptime"]
    assert opened.figures("other") == []


def test_check_mode_and_runs_without_samples_are_passed_over(opened: FigureHistory):
    assert opened.keep(run("a", 1, check=True), NOW) is False
    assert opened.keep(record.fold(log.weekly()), NOW) is False
    assert opened.days() == []


def test_old_points_become_fewer_and_their_mean_stays(opened: FigureHistory):
    for hour in range(48):
        opened.keep(run(f"r{hour}", 400 - hour / 24, sample(float(hour))), NOW)

    assert [day.samples for day in opened.days()] == [12, 24, 12]

    opened.keep(run("new", 0), NOW)
    days = opened.days(now=NOW)

    assert [(day.samples, day.low, day.high) for day in days] == [
        (12, 0, 11),
        (24, 12, 35),
        (12, 36, 47),
        (1, 100, 100),
    ]
    assert [day.mean for day in days[:3]] == pytest.approx([5.5, 23.5, 41.5])

    levels = {(point["level"], point["samples"]) for point in points(opened)}

    assert levels == {("day", 12), ("day", 24), ("run", 1)}


def points(opened: FigureHistory) -> list[t.Any]:
    with opened._database.reading() as connection:
        return list(connection.execute(opened._points.select()).mappings())


def test_a_late_run_joins_the_mean_of_its_hour(opened: FigureHistory):
    opened.keep(run("a", 200, sample(10.0)), NOW)
    opened.keep(run("b", 200, sample(20.0)), NOW)
    assert [(point["level"], point["samples"], point["mean"]) for point in points(opened)] == [
        ("hour", 2, 15.0)
    ]


def test_what_is_older_than_all_limits_is_forgotten(address: str):
    kept = open_history(address, Keep(10, 20, 30))
    kept.keep(run("old", 31), NOW)
    kept.keep(run("new", 1), NOW)
    assert [day.samples for day in kept.days()] == [1]
    kept.close()


def test_runs_that_end_together_are_all_kept(address: str):
    def keep(number: int) -> bool:
        kept = open_history(address)
        try:
            return kept.keep(run(f"r{number}", 200, sample(float(number))), NOW)
        finally:
            kept.close()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keep, range(16)))

    kept = open_history(address)
    [day] = kept.days()

    assert (day.samples, day.mean, day.low, day.high) == (16, pytest.approx(7.5), 0, 15)

    kept.close()


def test_a_run_that_is_killed_while_it_is_kept_leaves_nothing(
    opened: FigureHistory, monkeypatch: pytest.MonkeyPatch
):
    def killed(*_: t.Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FigureHistory, "_make_fewer", killed)
        with pytest.raises(KeyboardInterrupt):
            opened.keep(run("a", 1), NOW)

    assert opened.days() == []
    assert opened.keep(run("a", 1), NOW) is True


def test_a_damaged_file_is_said_and_how_to_make_it_anew(tmp_path: Path):
    (tmp_path / "kpis.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(FigureHistoryError, match=r"move .*kpis.sqlite away and run .*--rebuild"):
        open_history(sqlite(tmp_path))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql+psycopg2://me:secret@127.0.0.1:1/db", "refused"),
        ("postgresql+psycopg2://me:secret@/db?host=/nowhere", "nowhere"),
        ("nonsense://", "cannot be read"),
        ("sqlite:////nowhere/kpis.sqlite", "the folder of /nowhere/kpis.sqlite must exist"),
    ],
)
def test_a_history_that_cannot_be_reached_is_said_without_its_password(address: str, words: str):
    with pytest.raises(FigureHistoryError, match=words) as raised:
        open_history(address)
    assert "secret" not in str(raised.value)


def test_no_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "upkeep.kpi.history")
    monkeypatch.delitem(sys.modules, "upkeep.database")

    with pytest.raises(FigureHistoryError, match="pip install SQLAlchemy"):
        open_history(sqlite(tmp_path))


def test_no_run_waits_for_a_library_that_it_does_not_use():
    code = "import sys; from upkeep.run import archive; print('sqlalchemy.engine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("words", ["", "90,365,3650", "1"])
def test_how_long_figures_are_kept_is_read(words: str):
    assert parse_keep(words).run in (1, 90)


@pytest.mark.parametrize("words", ["many", "90;365", "0", "5,4", "1,2,3,4"])
def test_how_long_figures_are_kept_must_make_sense(words: str):
    with pytest.raises(FigureHistoryError):
        parse_keep(words)


def folder(tmp_path: Path, run_id: str = "20260601T110000Z-daily-aaaaaa", **fields: t.Any) -> Path:
    return log.write(tmp_path / "runs" / run_id, events(run_id, 0.04, [sample(0.0)], **fields))


@pytest.mark.parametrize("broken", [False, True])
def test_a_run_is_published_whatever_becomes_of_its_figures(tmp_path: Path, broken: bool):
    place = folder(tmp_path)
    if broken:
        (tmp_path / "kpis.sqlite").mkdir()

    closed = archive.close(place, archive.StoreSettings(str(tmp_path)))

    assert bool(closed.problem) is broken

    page = closed.page.read_text()

    assert "Key figures" in page
    assert "target missed" in page
    assert "<h3>Key figures" not in report.page(record.fold(log.weekly()))


def test_the_page_shows_a_curve_once_there_are_days(tmp_path: Path):
    kept = open_history(sqlite(tmp_path))
    for days in range(3):
        kept.keep(run(f"r{days}", days, sample(float(days))), NOW)

    days = kept.days(now=NOW)
    kept.close()
    folded = run("x")
    [trend] = trends.of_run(folded["kpis"], days)["racing"]

    assert trend.curve == "0.0,2.0 60.0,10.0 120.0,18.0"
    assert trend.mean == 1

    page = report.page(
        folded,
        {
            "racing": [
                trend._replace(
                    value=11030.2, unit="ms", target={"at_least": None, "at_most": 2000}, alert=None
                )
            ]
        },
    )

    assert f'<polyline points="{trend.curve}"/>' in page
    assert ">11,030 ms<" in " ".join(page.split()).replace(" <", "<")
    assert 'data-label="Target">at most 2000 ms' in "".join(page.splitlines())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.01234567, "0.01235"),
        (14.789, "14.79"),
        (999.96, "1000"),
        (11034.6, "11,035"),
        (-4e9, "-4,000,000,000"),
    ],
)
def test_figures_are_written_as_people_do(value: float, shown: str):
    assert trends.figure(value) == shown


@pytest.mark.requirement("R-racing-56")
def test_the_tracking_sheet_has_a_line_a_day_with_targets_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("UPKEEP_HISTORY", raising=False)
    for number, value in ((1, 100.0), (2, 0.0)):
        name = f"2026060{number}T110000Z-daily-aaaaaa"
        log.write(
            tmp_path / "runs" / name,
            events(
                name,
                3 - number,
                [
                    sample(value),
                    sample(0.3, "time", title="=cmd()", target={"at_least": None, "at_most": 1}),
                ],
            ),
        )

    assert main(["kpis", "--store", str(tmp_path), "--rebuild", "--system", "racing"]) == 0

    out, err = capsys.readouterr()

    assert err == "2 runs taken in\n"

    rows = list(csv.DictReader(io.StringIO(out)))

    assert [row["Date"] for row in rows] == ["2026-05-30", "2026-05-31"]
    assert rows[0] == {
        "Date": "2026-05-30",
        "System": "racing",
        "'=cmd()": "0.3 %",
        "'=cmd(): target": "at most 1",
        "'=cmd(): alarm unless": "at least 95",
        "Uptime": "100 %",
        "Uptime: target": "at least 99.9",
        "Uptime: alarm unless": "at least 95",
        "Samples": "1",
        "Missed": "",
        "Notes": "",
    }
    assert rows[1]["Missed"] == "Uptime"
    assert main(["kpis", "--store", str(tmp_path), "--csv", str(tmp_path / "sheet.csv")]) == 0
    assert (tmp_path / "sheet.csv").read_text() == out


def test_more_days_than_there_are_dates_are_all_days(opened: FigureHistory):
    opened.keep(run("a", 1), NOW)
    assert len(opened.days(days=99_999_999)) == 1


def test_trouble_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["kpis", "--store", str(tmp_path), "--history", "nonsense://"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_mean_of_a_day_is_that_of_its_runs(opened: FigureHistory) -> None:
    for number, (days, value) in enumerate([(0.9, 100.0), (0.5, 0.0), (1.1, 0.0)]):
        opened.keep(record.fold(events(f"run-{number}", days, [sample(value)])), NOW)

    found = opened.means_since(NOW - timedelta(days=1))

    assert found == {("racing", "uptime"): (2, 50.0)}
