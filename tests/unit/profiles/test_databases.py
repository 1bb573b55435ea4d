# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every number of the shipped databases, at its boundary: PostgreSQL and SQLite.

What a server's catalogue would have said is replaced, all behind it is real, in check mode.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import typing as t
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.postgresql import catalogue, usage
from ansible.module_utils.upkeep.postgresql import run as postgresql
from ansible.module_utils.upkeep.postgresql.indexes import MEGABYTE, Index, Pages
from ansible.module_utils.upkeep.postgresql.settings import parse
from ansible.module_utils.upkeep.postgresql.statistics import TableStats
from ansible.module_utils.upkeep.sqlite import run as sqlite
from ansible.module_utils.upkeep.sqlite.engine import Facts, Table
from ansible.module_utils.upkeep.sqlite.settings import parse as parse_sqlite

from tests import evidence
from tests.unit.profiles.limits import Entry, numbers, profile
from tools import PROJECT, profiles

Patch = pytest.MonkeyPatch
Readings = dict[str, t.Any]
NOW: t.Final = datetime(2026, 11, 27, 12, tzinfo=UTC)
LITTLE: t.Final = timedelta(seconds=1)
FRESH: t.Final = NOW - timedelta(hours=2)


class Catalogue:
    """A session with a server whose catalogue says what a test wants."""

    lost = False

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def rows(self, query: str, values: Entry | None = None, **_: t.Any) -> list[t.Any]:
        """Return the rows of the queries of usage.py; the others are replaced in catalogue.py."""
        if query == usage._STATEMENTS:
            mean = self._readings.get("mean", 1.0)
            many = [(f"SELECT {number}", 9, mean) for number in range(99)]
            return many[: (values or {})["limit"]]
        if query == usage._COUNTS_SINCE:
            return [(NOW, True, self._readings.get("days", 99.0))]

        return []

    def value(self, *_: t.Any, **__: t.Any) -> t.Any:
        """Return when the statements were reset."""
        return NOW

    def take_lock(self) -> bool:
        """Return that nobody else is at work."""
        return True

    def close(self) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def statement_timeout(self, *_: t.Any) -> Iterator[None]:
        """Do nothing."""
        yield

    undone_on_error = statement_timeout


def table(**changes: t.Any) -> TableStats:
    """Return a table that is not due."""
    figures: Entry = {
        "oid": 1,
        "schema": "public",
        "name": "a",
        "partitioned": False,
        "parents": (),
        "live": 9000,
        "dead": 0,
        "modified": 0,
        "inserted": 0,
        "last_analyze": FRESH,
        "last_vacuum": FRESH,
        "freeze_age": 0,
    }

    return TableStats(**{**figures, **changes})


def index(names: t.Sequence[str], size: float) -> Index:
    """Return a B-tree index of so many bytes that answers to these names."""
    name = names[0] if names else "idx"

    return Index(2, 1, "public", name, tuple(names), "btree", math.floor(size), 90, True, False, "")


def pages(bloat: float) -> Pages:
    """Return the pages of an index of which a rebuild gives so many per cent back."""
    total = 10_000
    leaf = total - 1
    needed = round(total * (1 - bloat / 100)) - 1

    return Pages(0, leaf, 0, 0, 90 * needed / leaf)


def found(patch: Patch, entry: Entry, readings: Readings) -> dict[str, Finding]:
    """Return by aspect the findings of the module's run when the catalogue says this."""
    names = entry.get("reindex", {}).get("indexes", [])
    least = entry.get("reindex", {}).get("min_size_mb", 1)
    said: Readings = {
        "server_state": catalogue.ServerState(NOW, False, True, True),
        "tables": [table(**readings.get("table", {}))],
        "indexes": [index(names, readings.get("size", 9 * least * MEGABYTE))],
        "pages": pages(readings.get("bloat", 0)),
        "extension": catalogue.Extension("public", True, None),
        "invalid_indexes": [],
        "holders": [],
        "database_bytes": 5 * MEGABYTE,
        "table_sizes": [catalogue.TableSize("public", "a", 3 * MEGABYTE, MEGABYTE)],
        "connections": catalogue.ConnectionCounts(1, 1, readings.get("connections", 1), 1000),
        "transactions": [catalogue.Holder("session", "1", None, None, readings.get("open", 1.0))],
        "unused_indexes": [],
    }
    for name, value in said.items():
        patch.setattr(catalogue, name, lambda *_, answer=value, **__: answer)

    patch.setattr(postgresql, "open_session", lambda *_: Catalogue(readings))
    answer = postgresql.run(parse({"databases": [entry]}), check_mode=True)

    return {one["check"].partition(".")[2]: one for one in answer["findings"]}


class Seam(t.NamedTuple):
    """What the catalogue says at a limit and beyond it, and whether a finding is beyond."""

    inside: Callable[[float], Readings]
    outside: Callable[[float], Readings]
    is_beyond: Callable[[Finding], bool]


def _due(finding: Finding) -> bool:
    assert finding["observed"] in (0, 1), finding

    return bool(finding["observed"] == 1)


def _is(status: str) -> Callable[[Finding], bool]:
    return lambda finding: finding["status"] == status


def _days(column: str, **more: t.Any) -> Seam:
    return Seam(
        lambda days: {"table": {column: NOW - timedelta(days=days), **more}},
        lambda days: {"table": {column: NOW - timedelta(days=days) - LITTLE, **more}},
        _due,
    )


#: Aspect and key of a database -> the one place where its reading is replaced.
SEAMS: t.Final[dict[str, Seam]] = {
    "analyze/due_after_days": _days("last_analyze", modified=1),
    "vacuum/due_after_days": _days("last_vacuum", inserted=1),
    "vacuum/dead_tuple_percent": Seam(
        lambda share: {"table": {"live": 1000 * (100 - share), "dead": 1000 * share}},
        lambda share: {"table": {"live": 1000 * (100 - share), "dead": 1000 * share + 99}},
        _due,
    ),
    "vacuum/dead_tuples_min": Seam(
        lambda rows: {"table": {"live": 9, "dead": rows - 1}},
        lambda rows: {"table": {"live": 9, "dead": rows}},
        _due,
    ),
    "reindex/bloat_percent": Seam(
        lambda share: {"bloat": share - 0.1}, lambda share: {"bloat": share + 0.1}, _due
    ),
    "reindex/min_size_mb": Seam(
        lambda size: {"bloat": 99, "size": size * MEGABYTE - 1},
        lambda size: {"bloat": 99, "size": size * MEGABYTE},
        _due,
    ),
    "connections/warning_percent": Seam(
        lambda share: {"connections": 10 * share},
        lambda share: {"connections": 10 * share + 1},
        _is("warning"),
    ),
    "connections/critical_percent": Seam(
        lambda share: {"connections": 10 * share},
        lambda share: {"connections": 10 * share + 1},
        _is("critical"),
    ),
    "long_running/warning_seconds": Seam(
        lambda seconds: {"open": seconds}, lambda seconds: {"open": seconds + 1}, _is("warning")
    ),
    "statements/warning_ms": Seam(
        lambda limit: {"mean": limit}, lambda limit: {"mean": limit + 1}, _is("warning")
    ),
    "index_use/least_days": Seam(
        lambda days: {"days": days - 0.1},
        lambda days: {"days": days},
        lambda finding: "too short" not in finding["message"],
    ),
}
#: Numbers that are no limits; what they do has a test of its own here.
NO_LIMITS: t.Final = {"statements/show"}


def _databases(variable: str) -> list[tuple[str, Entry]]:
    return [
        (system, entry)
        for system in profiles.systems(PROJECT)
        for entry in profile(system).get(variable, [])
    ]


SERVERS: t.Final = _databases("system_databases")
FILES: t.Final = _databases("system_sqlite_databases")
LIMITS: t.Final = [
    pytest.param(system, entry, path, value, id=f"{system}-{path}")
    for system, entry in SERVERS
    for path, value in numbers(entry)
    if path not in NO_LIMITS
]


def test_every_number_has_a_seam() -> None:
    known = {path for _, entry in SERVERS for path, _ in numbers(entry)}
    kept = {path for _, entry in FILES for path, _ in numbers(entry)}

    assert known == SEAMS.keys() | NO_LIMITS
    assert kept == FILE_SEAMS.keys()


@pytest.mark.parametrize(("system", "entry", "path", "value"), LIMITS)
def test_a_database_at_its_limit(
    monkeypatch: Patch, system: str, entry: Entry, path: str, value: float
) -> None:
    seam, aspect = SEAMS[path], path.partition("/")[0]
    inside = found(monkeypatch, entry, seam.inside(value))[aspect]
    outside = found(monkeypatch, entry, seam.outside(value))[aspect]

    assert inside["status"] != "unknown", inside
    assert not seam.is_beyond(inside), inside
    assert seam.is_beyond(outside), outside

    evidence.add(system, [outside], f"{path} {value:g}")


@pytest.mark.parametrize(("system", "entry"), SERVERS, ids=lambda value: str(value)[:20])
def test_what_has_no_limit_is_told(monkeypatch: Patch, system: str, entry: Entry) -> None:
    seen = found(monkeypatch, entry, {})

    assert {one["status"] for one in seen.values()} <= {"ok", "info"}, seen
    assert seen[""]["observed"] == 5.0
    assert seen["table_sizes"]["lines"] == ["4.0 MB public.a (table 3.0 MB, indexes 1.0 MB)"]

    evidence.add(system, [seen[""], seen["table_sizes"]], "told")


@pytest.mark.parametrize(
    ("system", "entry"),
    [(system, entry) for system, entry in SERVERS if "statements" in entry],
    ids=lambda value: str(value)[:20],
)
def test_so_many_statements_are_shown(monkeypatch: Patch, system: str, entry: Entry) -> None:
    statements = found(monkeypatch, entry, {})["statements"]
    number = entry["statements"]["show"]

    assert statements["message"].count("\n") == number

    evidence.add(system, [statements], f"statements/show {number}")


def test_the_indexes_of_hyperopt_are_those_of_its_guide(monkeypatch: Patch) -> None:
    [entry] = profile("hyperopt")["system_databases"]
    asked = entry["reindex"]["indexes"]
    work = found(monkeypatch, entry, {"bloat": 99})["reindex"]

    assert asked == ["idx_strategies_symbol", "idx_results_timestamp", "idx_trades_strategy_id"]
    assert _due(work)

    evidence.add("hyperopt", [work], ", ".join(asked))


#: SQLite: aspect and key -> facts of the file and rows of its table, inside and beyond.
FILE_SEAMS: t.Final[dict[str, Callable[[float, bool], tuple[Entry, Table]]]] = {
    "analyze/changed_percent": lambda share, beyond: (
        {},
        Table("a", round(1000 + 10 * share) + beyond, 1000),
    ),
    "vacuum/free_percent": lambda share, beyond: (
        {"free_pages": round(10_000 * share / 100) + beyond},
        Table("a", 1, 1),
    ),
    "vacuum/min_free_mb": lambda size, beyond: (
        {"pages": 300, "free_pages": round(size * 2**20 / 4096) - (not beyond)},
        Table("a", 1, 1),
    ),
    "wal/max_mb": lambda size, beyond: (
        {"wal_mode": True, "wal_bytes": round(size * 2**20) + beyond},
        Table("a", 1, 1),
    ),
}


def file_findings(patch: Patch, path: Path, entry: Entry, facts: Entry, rows: Table) -> Entry:
    """Return by aspect the findings of the module's run on a file that says this of itself."""
    usual = {"pages": 10_000, "page_size": 4096, "free_pages": 0, "auto_vacuum": 0}
    said = Facts(**{**usual, "wal_mode": False, "wal_bytes": 0, **facts})
    patch.setattr(sqlite, "look", lambda *_: said)
    patch.setattr(sqlite, "tables", lambda *_: [rows])
    settings = parse_sqlite({"databases": [{**entry, "path": str(path)}]})
    answer = sqlite.run(settings, check_mode=True)

    return {one["check"].partition(".")[2]: one for one in answer["findings"]}


@pytest.mark.parametrize(
    ("system", "entry", "path", "value"),
    [
        pytest.param(system, entry, path, value, id=f"{system}-{path}")
        for system, entry in FILES
        for path, value in numbers(entry)
    ],
)
def test_a_sqlite_file_at_its_limit(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry, path: str, value: float
) -> None:
    file = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE a (id integer)")

    aspect = path.partition("/")[0]
    within, beyond = (
        file_findings(monkeypatch, file, entry, *FILE_SEAMS[path](value, is_beyond))[aspect]
        for is_beyond in (False, True)
    )

    assert within["status"] == "ok", within
    assert beyond["status"] in ("info", "warning"), beyond

    evidence.add(system, [beyond], f"{path} {value:g}")
