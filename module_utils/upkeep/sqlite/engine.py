# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One open SQLite file: what it reports about itself, what is due, and doing it."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ..base.files import read_bytes
from .settings import SqliteFile

#: Pages that an incremental vacuum moves at a time, so that writers get their turn.
BATCH: t.Final = 1000
#: Steps of SQLite's machine between two looks at the clock.
STEPS: t.Final = 20_000
#: Faults that are reported; a damaged file can have thousands.
MOST_FAULTS: t.Final = 10
INCREMENTAL: t.Final = 2
#: Lines of an integrity check; each row that breaks a rule is one.
_MOST_LINES: t.Final = 1_000_000
#: Lines that are about the content of rows, not about the structure of the file.
_BROKEN_RULE: t.Final = re.compile(
    r"CHECK constraint failed in |NULL value in |(?:NUMERIC|TEXT) value in |non-\w+ value in "
)
#: The header of a file ends with the number of the version that last wrote it.
_HEADER_BYTES: t.Final = 100
_VERSION_AT: t.Final = 96

Verb = t.Literal["vacuum", "incremental_vacuum", "analyze", "checkpoint"]


@dataclass(frozen=True)
class Facts:
    """What a file reports about itself; sizes in bytes."""

    pages: int
    page_size: int
    free_pages: int
    auto_vacuum: int
    wal_mode: bool
    wal_bytes: int

    @property
    def free_percent(self) -> float:
        """Return the share of free pages."""
        return 100 * self.free_pages / self.pages if self.pages else 0.0


class Table(t.NamedTuple):
    """A table: rows now, and rows as the planner's statistics know them (None when they do not)."""

    name: str
    rows: int
    known: int | None


@dataclass(frozen=True)
class SqliteAction:
    """One thing to do; ``obstacle`` is why it must not be done now."""

    verb: Verb
    reason: str
    table: str = ""
    obstacle: str = ""

    @property
    def aspect(self) -> str:
        """Return the aspect of the finding that this belongs to."""
        return {"incremental_vacuum": "vacuum", "checkpoint": "wal"}.get(self.verb, self.verb)


@dataclass(frozen=True)
class RunLimits:
    """For the whole run: how long to wait for a lock (ms), and its end (monotonic, s)."""

    busy_ms: int
    end: float
    check_mode: bool


@dataclass
class FileFaults:
    """What an integrity check finds: damage, and how often rows break a rule of their table."""

    damage: list[str] = field(default_factory=list)
    broken_rules: list[str] = field(default_factory=list)
    rules_count: int = 0


class BusyError(Exception):
    """Another connection is in the way."""


@contextlib.contextmanager
def connected(path: Path, limits: RunLimits) -> t.Iterator[sqlite3.Connection]:
    """Open an existing file, never creating one; all statements end when the time is up.

    In check mode nothing is written. A journal or log that lies there would be played back by a
    connection that may write, so the file is then opened for reading only; without one, such a
    connection would leave an empty log behind.
    """
    beside = any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal"))
    mode = "ro" if limits.check_mode and beside else "rw"
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=limits.busy_ms / 1000,
        isolation_level=None,
    )

    try:
        connection.set_progress_handler(lambda: time.monotonic() > limits.end, STEPS)
        if limits.check_mode:
            connection.execute("PRAGMA query_only = ON")

        yield connection
    finally:
        connection.close()


def _pragma(connection: sqlite3.Connection, name: str) -> t.Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def look(connection: sqlite3.Connection, path: Path) -> Facts:
    """Return what the file reports about itself; raises sqlite3.Error."""
    return Facts(
        pages=_pragma(connection, "page_count"),
        page_size=_pragma(connection, "page_size"),
        free_pages=_pragma(connection, "freelist_count"),
        auto_vacuum=_pragma(connection, "auto_vacuum"),
        wal_mode=_pragma(connection, "journal_mode") == "wal",
        wal_bytes=wal_bytes(path),
    )


def wal_bytes(path: Path) -> int:
    """Return the size of the write-ahead log, 0 without one."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


def faults(connection: sqlite3.Connection) -> FileFaults:
    """Return what an integrity check finds in the file; raises sqlite3.Error.

    It reports rows that break a rule of their table beside damage of the structure; what it names
    are tables and columns, never values.
    """
    found = FileFaults()
    for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_LINES})"):
        if line == "ok":
            continue
        if not _BROKEN_RULE.match(str(line)):
            found.damage.append(str(line))
            if len(found.damage) >= MOST_FAULTS:
                break
            continue

        found.rules_count += 1
        if line not in found.broken_rules and len(found.broken_rules) < MOST_FAULTS:
            found.broken_rules.append(str(line))

    if found.rules_count >= _MOST_LINES:
        raise sqlite3.OperationalError(
            "too many rows break a rule to see the structure behind them"
        )

    return found


def version_of(path: Path) -> str:
    """Return the version of SQLite that last wrote a file, '' when nobody knows."""
    try:
        header = read_bytes(path, _HEADER_BYTES, cut=True)
    except OSError:
        return ""

    number = int.from_bytes(header[_VERSION_AT:_HEADER_BYTES], "big")
    if len(header) < _HEADER_BYTES or not number:
        return ""

    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def orphans(connection: sqlite3.Connection) -> dict[str, int]:
    """Return table -> rows that refer to a row that is not there; raises sqlite3.Error."""
    counts: dict[str, int] = {}
    for row in connection.execute("PRAGMA foreign_key_check"):
        counts[row[0]] = counts.get(row[0], 0) + 1
    return counts


def tables(connection: sqlite3.Connection) -> list[Table]:
    """Return the ordinary tables by name; raises sqlite3.Error."""
    listed = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
    ).fetchall()
    known = _known_rows(connection)

    return [Table(name, _count(connection, name), known.get(name)) for (name,) in listed]


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _count(connection: sqlite3.Connection, name: str) -> int:
    # A name cannot be a parameter; it is quoted.
    query = f"SELECT count(*) FROM {quoted(name)}"  # noqa: S608

    return int(connection.execute(query).fetchone()[0])


def _known_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Return table -> rows at its last ANALYZE.

    Each index has a line, a partial one knows fewer: the most counts.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
        return {}

    known: dict[str, int] = {}

    for name, numbers in connection.execute("SELECT tbl, stat FROM sqlite_stat1"):
        first = str(numbers).split(" ", 1)[0]
        if first.isdecimal():
            known[name] = max(known.get(name, 0), int(first))

    return known


def plan(
    database: SqliteFile, facts: Facts, rows: t.Sequence[Table], room: int
) -> list[SqliteAction]:
    """Return what is due, in the order to do it.

    ``room`` is what is free beside the file, bytes.
    """
    return [
        *_plan_vacuum(database, facts, room),
        *_plan_analyze(database, rows),
        *_plan_checkpoint(database, facts),
    ]


def _plan_vacuum(database: SqliteFile, facts: Facts, room: int) -> t.Iterator[SqliteAction]:
    limit = database.vacuum
    if (
        limit is None
        or facts.free_percent <= limit.free_percent
        or facts.free_pages * facts.page_size < limit.min_free_bytes
    ):
        return

    reason = f"{facts.free_percent:.0f} % of its pages are free"
    if facts.auto_vacuum == INCREMENTAL:
        yield SqliteAction("incremental_vacuum", reason)
        return

    needed = 2 * facts.pages * facts.page_size
    short = (
        f"it needs {needed} bytes on the disk of the file, only {room} are free"
        if room < needed
        else ""
    )
    yield SqliteAction("vacuum", reason, obstacle=short)


def _plan_analyze(database: SqliteFile, rows: t.Sequence[Table]) -> t.Iterator[SqliteAction]:
    if database.analyze is None:
        return

    for table in rows:
        if table.known is None and table.rows:
            yield SqliteAction("analyze", "never analysed", table.name)
        elif table.known is not None:
            changed = 100 * abs(table.rows - table.known) / max(table.known, 1)
            if changed > database.analyze.changed_percent:
                yield SqliteAction(
                    "analyze", f"{table.known} rows when analysed, {table.rows} now", table.name
                )


def _plan_checkpoint(database: SqliteFile, facts: Facts) -> t.Iterator[SqliteAction]:
    limit = database.wal.max_bytes if database.wal else None
    if limit is not None and facts.wal_mode and facts.wal_bytes > limit:
        yield SqliteAction("checkpoint", f"its log holds {facts.wal_bytes} bytes")


def free_space(path: Path) -> int:
    """Return the bytes that this user may still write to the disk of a file."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize


def perform(connection: sqlite3.Connection, action: SqliteAction, wal_mode: bool) -> None:
    """Do one action; raises BusyError or sqlite3.Error."""
    if action.verb == "vacuum":
        connection.execute("VACUUM")
    elif action.verb == "incremental_vacuum":
        _give_back(connection)
    elif action.verb == "analyze":
        connection.execute(f"ANALYZE main.{quoted(action.table)}")

    if action.verb == "checkpoint":
        _checkpoint(connection)
    elif wal_mode and action.aspect == "vacuum":
        # The whole file went through the log; when a reader is in the way, the log is reported as
        # it is.
        with contextlib.suppress(BusyError):
            _checkpoint(connection)


def _give_back(connection: sqlite3.Connection) -> None:
    left = _pragma(connection, "freelist_count")
    while left:
        connection.execute(f"PRAGMA incremental_vacuum({BATCH})").fetchall()
        before, left = left, _pragma(connection, "freelist_count")
        if left >= before:
            raise BusyError("another connection frees pages as fast as they are given back")


def _checkpoint(connection: sqlite3.Connection) -> None:
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise BusyError("another connection still reads from the log")
