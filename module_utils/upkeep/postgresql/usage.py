# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the database is used: its slowest statements, indexes that serve nobody, tables read from end to end.

Only measured, never changed. PostgreSQL counts from a moment on, so each finding says since when.
"""

from __future__ import annotations

import typing as t
from datetime import datetime

from ..findings import Finding, finding, judge
from . import catalogue
from .actions import display
from .connection import DatabaseError, Session
from .indexes import MEGABYTE
from .settings import Database, IndexUse, Statements

EXTENSION: t.Final = "pg_stat_statements"
#: How much of a statement is shown.
_LONGEST: t.Final = 160
#: How many indexes and tables a message names.
_NAMED: t.Final = 10

# Constants are $1 there, but only in statements that read or change rows: others may hold a
# password. What we and other roles of the server's own ask is left out.
_STATEMENTS: t.Final = r"""
SELECT left(btrim(regexp_replace(s.query, '\s+', ' ', 'g')), %(longest)s), s.calls, s.mean_exec_time
  FROM {view} s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname = current_database() AND r.rolname <> session_user AND r.rolname !~ '^pg_'
   AND s.calls >= %(calls)s AND s.query ~* '^\s*(select|insert|update|delete|merge|with)\M'
 ORDER BY s.mean_exec_time DESC, s.calls DESC
 LIMIT %(limit)s
"""
_SINCE: t.Final = "SELECT stats_reset FROM {info}"

_INDEXES: t.Final = """
SELECT s.schemaname, s.indexrelname, pg_relation_size(s.indexrelid)
  FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
 WHERE s.idx_scan = 0 AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion
   AND s.schemaname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = s.indexrelid)
 ORDER BY 3 DESC, 1, 2
"""
_SCANNED: t.Final = """
SELECT s.schemaname, s.relname, s.n_live_tup, s.seq_scan, coalesce(s.idx_scan, 0)
  FROM pg_stat_user_tables s
 WHERE s.n_live_tup >= %(rows)s AND s.seq_scan > coalesce(s.idx_scan, 0) AND s.schemaname !~ '^pg_'
 ORDER BY s.seq_tup_read DESC, 1, 2
 LIMIT %(limit)s
"""
# A server that was never told to forget does not say since when it counts: then at least since its
# start.
_COUNTS_SINCE: t.Final = """
SELECT coalesce(d.stats_reset, pg_postmaster_start_time()), current_setting('track_counts')::bool,
       extract(epoch FROM clock_timestamp() - coalesce(d.stats_reset, pg_postmaster_start_time()))::float8 / 86400
  FROM pg_stat_database d WHERE d.datname = current_database()
"""


class Statement(t.NamedTuple):
    """A statement without its constants, how often it ran, and how long on average in ms."""

    text: str
    calls: int
    mean_ms: float


def statements(session: Session, database: Database) -> list[Finding]:
    """Return the finding on the slowest statements; raises DatabaseError."""
    wanted = database.statements or Statements()
    extension = catalogue.extension(session, EXTENSION)
    if extension.schema is None:
        missing = f"the extension {EXTENSION} is not in this database" + (
            "" if extension.available else ", nor installed"
        )
        return [_not_counted(database, f"{missing}: {_HOW}")]

    try:
        values = {"limit": wanted.show, "calls": wanted.least_calls, "longest": _LONGEST}
        found = [
            Statement(*row)
            for row in session.rows(_STATEMENTS, values, view=(extension.schema, EXTENSION))
        ]
        since = session.value(_SINCE, info=(extension.schema, f"{EXTENSION}_info"))
    except DatabaseError as error:
        if "shared_preload_libraries" not in str(error):
            raise
        return [_not_counted(database, f"{EXTENSION} is not loaded: {_HOW}")]

    return [statements_finding(database, wanted, found, since)]


def statements_finding(
    database: Database, wanted: Statements, found: t.Sequence[Statement], since: datetime
) -> Finding:
    """Judge the slowest statements, which come slowest first."""
    check, when = f"database:{database.shown}.statements", f"{since:%Y-%m-%d %H:%M}"
    if not found:
        message = f"No statement of an application ran {wanted.least_calls} times since {when}."
        return finding(
            check, "info", message, observed=0, unit="statements", requirements=wanted.requirements
        )

    slowest = found[0].mean_ms
    status = "info" if wanted.warning_ms is None else judge(slowest, wanted.warning_ms)
    advice = " Look at its plan (EXPLAIN)." if status == "warning" else ""
    listed = "".join(f"\n{item.mean_ms:.1f} ms, {item.calls} times: {item.text}" for item in found)

    return finding(
        check,
        status,
        f"The slowest {len(found)} statements on average since {when}.{advice}{listed}",
        observed=round(slowest, 1),
        expected=None if wanted.warning_ms is None else f"at most {wanted.warning_ms:g}",
        unit="ms on average",
        requirements=wanted.requirements,
    )


def index_use(session: Session, database: Database) -> list[Finding]:
    """Return the finding on indexes that were never used and tables read from end to end.

    Raises DatabaseError.
    """
    wanted = database.index_use or IndexUse()
    check = f"database:{database.shown}.index_use"
    [(since, counts, days)] = session.rows(_COUNTS_SINCE)
    if not counts:
        message = "track_counts is off, so nobody knows which indexes are used; switch it on."
        return [finding(check, "unknown", message, requirements=wanted.requirements)]

    unused = session.rows(_INDEXES)
    scanned = session.rows(_SCANNED, {"rows": wanted.least_rows, "limit": _NAMED})
    size = sum(row[2] for row in unused) / MEGABYTE
    message = f"{len(unused)} indexes ({size:.1f} MB) were not used since {since:%Y-%m-%d %H:%M}"
    status = "info" if unused or scanned else "ok"
    if days < wanted.least_days:
        message += (
            f", which is too short to call them needless (at least {wanted.least_days:g} days)"
        )
    elif wanted.warning_mb is not None and size > wanted.warning_mb:
        status, message = (
            "warning",
            f"{message}: see whether a replica or a yearly job needs them, else drop them",
        )

    named = [
        f"{display(schema, name)} {bytes_ / MEGABYTE:.1f} MB"
        for schema, name, bytes_ in unused[:_NAMED]
    ]
    read = [
        f"{display(schema, name)} ({rows} rows, {whole} times from end to end, {by_index} by an index)"
        for schema, name, rows, whole, by_index in scanned
    ]
    lines = [f"Not used: {', '.join(named)}"] * bool(named) + [
        f"Mostly read whole: {'; '.join(read)}"
    ] * bool(read)

    return [
        finding(
            check,
            status,
            "\n".join([f"{message}.", *lines]),
            observed=len(unused),
            unit="indexes not used",
            requirements=wanted.requirements,
        )
    ]


_HOW: t.Final = f"add it to shared_preload_libraries, restart the server in a maintenance window, and CREATE EXTENSION {EXTENSION}"


def _not_counted(database: Database, why: str) -> Finding:
    asked = database.requirements("statements")
    return finding(
        f"database:{database.shown}.statements",
        "unknown",
        f"Not known, since {why}.",
        requirements=asked,
    )
