# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the database is used: its slowest statements, unused indexes, tables read from end to end.

Only measured, never changed. PostgreSQL counts since its last reset, which each finding names.
"""

from __future__ import annotations

import typing as t
from datetime import datetime

from ..base.text import visible
from ..findings import Finding, Limits
from . import catalogue
from .actions import display
from .connection import DatabaseError, Session
from .findings import subject
from .indexes import MEGABYTE
from .settings import Database, IndexUse, Statements

EXTENSION: t.Final = "pg_stat_statements"
#: How much of a statement is shown.
_LONGEST: t.Final = 160
#: How many indexes and tables a message names.
_NAMED: t.Final = 10

# A comment, which may hold another one. It must be whole: what it holds is not the statement.
_COMMENT: t.Final = r"/\*([^*/]|\*(?!/)|/(?!\*)|/\*([^*/]|\*(?!/)|/(?!\*))*\*/)*\*/|--[^\n]*(\n|$)"
# Constants are $1 there, but only in statements that read or change rows: others may hold a
# password, and comments whatever a client writes into them. What we and other roles of the server's
# own run is left out.
_STATEMENTS: t.Final = r"""
SELECT left(btrim(regexp_replace(regexp_replace(s.query, %(comment)s, ' ', 'g'), '\s+', ' ', 'g')),
            %(longest)s),
       s.calls, s.mean_exec_time
  FROM {view} s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname = current_database() AND r.rolname <> session_user AND r.rolname !~ '^pg_'
   AND s.calls >= %(calls)s
   AND s.query ~* ('^(\s|\(|' || %(comment)s
                   || ')*(select|insert|update|delete|merge|with|values|table)\M')
 ORDER BY s.mean_exec_time DESC, s.calls DESC
 LIMIT %(limit)s
"""
_SINCE: t.Final = "SELECT stats_reset FROM {info}"

_SCANNED: t.Final = """
SELECT s.schemaname, s.relname, s.n_live_tup, s.seq_scan, coalesce(s.idx_scan, 0)
  FROM pg_stat_user_tables s
 WHERE s.n_live_tup >= %(rows)s AND s.seq_scan > coalesce(s.idx_scan, 0) AND s.schemaname !~ '^pg_'
 ORDER BY s.seq_tup_read DESC, 1, 2
 LIMIT %(limit)s
"""
# Without a reset the server does not know since when it counts: then at least since its start.
_COUNTS_SINCE: t.Final = """
SELECT coalesce(d.stats_reset, pg_postmaster_start_time()), current_setting('track_counts')::bool,
       extract(epoch FROM clock_timestamp()
                          - coalesce(d.stats_reset, pg_postmaster_start_time()))::float8 / 86400
  FROM pg_stat_database d WHERE d.datname = current_database()
"""


class Statement(t.NamedTuple):
    """A statement without its constants, how often it ran, and how long on average in ms."""

    text: str
    calls: int
    mean_ms: float

    @property
    def total_seconds(self) -> float:
        """How long all its runs took together."""
        return self.calls * self.mean_ms / 1000


class SizedIndex(t.NamedTuple):
    """An index and its size on disk."""

    schema: str
    name: str
    bytes: int


class Counting(t.NamedTuple):
    """Since when the server counts uses, and how many days that is."""

    since: datetime
    days: float


def statements(session: Session, database: Database, settings: Statements) -> list[Finding]:
    """Return the finding on the slowest statements; raises DatabaseError."""
    extension = catalogue.extension(session, EXTENSION)
    if extension.schema is None:
        state = "is not in this database" if extension.available else "is not installed"
        return [_not_counted(database, f"the extension {EXTENSION} {state}")]

    values = {
        "limit": settings.show,
        "calls": settings.least_calls,
        "longest": _LONGEST,
        "comment": _COMMENT,
    }
    try:
        rows = session.rows(_STATEMENTS, values, view=(extension.schema, EXTENSION))
        since = session.value(_SINCE, info=(extension.schema, f"{EXTENSION}_info"))
    except DatabaseError as error:
        if "shared_preload_libraries" not in str(error):
            raise
        return [_not_counted(database, f"{EXTENSION} is not loaded")]

    found = [Statement(visible(text), calls, mean) for text, calls, mean in rows]

    return [statements_finding(database, settings, found, since)]


def statements_finding(
    database: Database, settings: Statements, found: t.Sequence[Statement], since: datetime
) -> Finding:
    """Return the finding on the slowest statements, which come slowest first."""
    about, when = subject(database, "statements"), f"{since:%Y-%m-%d %H:%M}"
    if not found:
        message = f"No statement of an application ran {settings.least_calls} times since {when}."
        return about.finding("info", message, observed=0, unit="statements")

    limits = Limits(settings.warning_ms)
    slowest = round(found[0].mean_ms, 1)
    advice = " Look at its plan (EXPLAIN)." if limits.judge(slowest) == "warning" else ""
    listed = "".join(
        f"\n{item.mean_ms:.1f} ms, {item.calls} times, {item.total_seconds:.1f} s in all:"
        f" {item.text}"
        for item in found
    )

    return about.measured(
        slowest,
        limits,
        f"The slowest {len(found)} statements on average since {when}.{advice}{listed}",
        unit="ms on average",
        status="info" if settings.warning_ms is None else "",
    )


def index_use(session: Session, database: Database, settings: IndexUse) -> Finding:
    """Return the finding on indexes that were never used and tables read from end to end.

    Raises DatabaseError.
    """
    [(since, counts, days)] = session.rows(_COUNTS_SINCE)
    if not counts:
        message = "track_counts is off, so nobody knows which indexes are used; switch it on."
        return subject(database, "index_use").finding("unknown", message)

    unused = [SizedIndex(*row) for row in catalogue.unused_indexes(session)]
    scanned = session.rows(_SCANNED, {"rows": settings.least_rows, "limit": _NAMED})

    return index_use_finding(database, settings, Counting(since, days), unused, scanned)


def index_use_finding(
    database: Database,
    settings: IndexUse,
    counting: Counting,
    unused: t.Sequence[SizedIndex],
    scanned: t.Sequence[tuple[t.Any, ...]],
) -> Finding:
    """Return the finding on what was counted; unused indexes come largest first."""
    megabytes = sum(index.bytes for index in unused) / MEGABYTE
    since = f"{counting.since:%Y-%m-%d %H:%M}"
    message = f"{len(unused)} indexes ({megabytes:.1f} MB) were not used since {since}"
    status = "info" if unused or scanned else "ok"

    if counting.days < settings.least_days:
        message += (
            f", which is too short to call them unused (at least {settings.least_days:g} days)"
        )
    elif Limits(settings.warning_mb).judge(megabytes) == "warning":
        status = "warning"
        message += ": see whether a replica or a yearly job needs them, else drop them"

    return subject(database, "index_use").finding(
        status,
        "\n".join([f"{message}.", *_listed(unused, scanned)]),
        observed=len(unused),
        unit="indexes not used",
        limits=Limits(settings.warning_mb).numbers,
    )


def _listed(
    unused: t.Sequence[SizedIndex], scanned: t.Sequence[tuple[t.Any, ...]]
) -> t.Iterator[str]:
    if unused:
        named = [
            f"{display(index.schema, index.name)} {index.bytes / MEGABYTE:.1f} MB"
            for index in unused[:_NAMED]
        ]
        yield f"Not used: {', '.join(named)}"

    if scanned:
        read = [
            f"{display(schema, name)} ({rows} rows, {whole} times from end to end,"
            f" {by_index} by an index)"
            for schema, name, rows, whole, by_index in scanned
        ]
        yield f"Mostly read whole: {'; '.join(read)}"


def _not_counted(database: Database, reason: str) -> Finding:
    advice = (
        "add it to shared_preload_libraries, restart the server in a maintenance window, and"
        f" CREATE EXTENSION {EXTENSION}"
    )

    return subject(database, "statements").finding("unknown", f"Not known: {reason}; {advice}.")
