# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what was seen and done to findings. Pure: reads nothing itself."""

from __future__ import annotations

import typing as t

from ..base.text import list_some
from ..findings import LONGEST_LINE, MOST_LINES, Finding, Limits, Subject
from .actions import Outcome, display
from .catalogue import ConnectionCounts, Holder, TableSize
from .growth import PreviousSizes, key
from .indexes import MEGABYTE, InvalidIndex
from .planning import Plan
from .settings import Connections, Database, LongRunning

#: How many objects a message names before it counts the rest.
NAMED: t.Final = 5
#: The aspects that a maintenance run works on; the others are only observed.
WORK: t.Final = ("analyze", "vacuum", "reindex")
#: What is only observed, and only where it is configured.
LOOKS: t.Final = ("connections", "long_running", "statements", "index_use")

_DONE_WORD: t.Final = {"analyze": "analysed", "vacuum": "vacuumed"}


def check_name(database: Database, aspect: str = "") -> str:
    """Return the stable name of a check."""
    name = f"database:{database.visible_name}"

    return f"{name}.{aspect}" if aspect else name


def subject(database: Database, aspect: str = "") -> Subject:
    """Return what a finding on a database, or on one aspect of it, is about."""
    asked_by = "sizes" if aspect in ("", "table_sizes") else aspect

    return Subject(check_name(database, aspect), database.requirements(asked_by))


def not_observed(database: Database, status: str, reason: str) -> list[Finding]:
    """Return the findings for a database that did not answer; each aspect of it is unknown."""
    whole = subject(database).finding(status, reason, expected="reachable")
    aspects = [name for name in (*WORK, *LOOKS) if getattr(database, name) is not None]
    aspects += ["invalid_indexes"] + ["table_sizes"] * (database.sizes is not None)
    message = f"Not observed: {reason}"

    return [whole, *(aspect_finding(database, aspect, "unknown", message) for aspect in aspects)]


def not_maintained(database: Database, status: str, reason: str) -> list[Finding]:
    """Return a finding for each kind of work that is looked after and was left alone."""
    aspects = [aspect for aspect in WORK if getattr(database, aspect) is not None]

    return [aspect_finding(database, aspect, status, reason) for aspect in aspects]


def is_observed(database: Database, aspect: str) -> bool:
    """Return whether an aspect is configured for a database."""
    return getattr(database, "sizes" if aspect == "table_sizes" else aspect, None) is not None


def aspect_finding(database: Database, aspect: str, status: str, message: str) -> Finding:
    """Return a finding without a measured value."""
    return subject(database, aspect).finding(status, message)


def fault(error: Exception) -> str:
    """Return the message on an error that nobody foresaw; its text may hold values of rows."""
    return f"Not known: an unexpected {type(error).__name__} is a fault of this check; report it."


class HeldBack(t.NamedTuple):
    """Tables that a vacuum could not clean, and what keeps their rows, both as text."""

    tables: tuple[str, ...]
    holders: tuple[str, ...]

    @property
    def text(self) -> str:
        """Both in one sentence, and what to do."""
        tables = list_some(self.tables, NAMED)
        if not self.holders:
            reason = "what holds the vacuum back is not visible to this user"
            return f"{tables}: {reason}; grant it pg_monitor"

        return f"{tables}: held back by {list_some(self.holders, NAMED)}; end what nobody needs"


def work_findings(
    database: Database, plan: Plan, outcomes: t.Sequence[Outcome], held: HeldBack | None = None
) -> list[Finding]:
    """Return one finding for each kind of work that is looked after."""
    found = []
    if database.analyze:
        found.append(_tables(database, "analyze", plan, outcomes, None))
    if database.vacuum:
        found.append(_tables(database, "vacuum", plan, outcomes, held))

    return [*found, _reindex(database, plan, outcomes)] if database.reindex else found


def _tables(
    database: Database,
    aspect: str,
    plan: Plan,
    outcomes: t.Sequence[Outcome],
    held: HeldBack | None,
) -> Finding:
    mine = [
        outcome
        for outcome in outcomes
        if outcome.action.kind == "tables" and aspect in outcome.action.action
    ]
    done = sum(outcome.status == "done" for outcome in mine)
    left = _left(mine)
    status = _status(mine)
    message = (
        f"{plan.tables} tables examined, {done} {_DONE_WORD[aspect]}, {left} still due"
        f"{_undone(mine)}."
    )
    if held:
        left += len(held.tables)
        status = "critical" if status == "critical" else "warning"
        message += f" Vacuumed without effect: {held.text}."

    return subject(database, aspect).finding(
        status, message, observed=left, expected=0, unit="tables due"
    )


def _reindex(database: Database, plan: Plan, outcomes: t.Sequence[Outcome]) -> Finding:
    mine = [
        outcome for outcome in outcomes if outcome.action.kind not in ("tables", "drop_extension")
    ]
    rebuilds = [outcome for outcome in mine if outcome.action.action == "reindex"]
    done = sum(outcome.status == "done" for outcome in rebuilds)
    left = _left(rebuilds) + len(plan.no_space)
    status = _status(mine)
    chosen = plan.selection
    message = (
        f"{len(chosen.indexes)} of {chosen.asked} indexes are large enough to measure, "
        f"{done} rebuilt, {left} still due{_undone(mine)}."
    )

    if plan.unmeasured or plan.failed:
        status = "critical" if status == "critical" else "unknown"
        reason = plan.unmeasured or list_some(plan.failed, NAMED)
        message = f"Indexes could not be measured: {reason}{_undone(mine)}."
    elif plan.no_space or plan.locked or plan.selection.missing:
        status = "critical" if status == "critical" else "warning"

    message += "".join(f" {text}." for text in _remarks(plan))

    return subject(database, "reindex").finding(
        status,
        message,
        observed=None if plan.unmeasured or plan.failed else left,
        expected=0,
        unit="indexes due",
    )


def _remarks(plan: Plan) -> t.Iterator[str]:
    if plan.selection.missing:
        names = list_some([display(name) for name in plan.selection.missing], NAMED)
        yield f"Not in this database: {names}; correct reindex.indexes"

    if plan.locked:
        yield f"Locked by another session, not measured: {list_some(plan.locked, NAMED)}"

    if plan.no_space:
        yield f"Not enough disk space: {list_some(plan.no_space, NAMED)}"

    if plan.selection.unmeasurable:
        names = list_some(plan.selection.unmeasurable, NAMED)
        yield f"Left alone, since not a valid B-tree: {names}"


def size_finding(database: Database, size: int) -> Finding:
    """Return the finding on the database as a whole, with its size."""
    return subject(database).finding(
        "ok",
        f"The database answers and takes {size / MEGABYTE:.1f} MB.",
        observed=round(size / MEGABYTE, 1),
        expected="reachable",
        unit="MB",
    )


def table_sizes_finding(
    database: Database, tables: t.Sequence[TableSize], before: PreviousSizes | None, problem: str
) -> Finding:
    """Return the finding on all tables, largest first: what they take, and how they grew.

    ``problem`` is why nothing is known of the previous run, or kept for the next.
    """
    known = [table for table in tables if not table.is_locked]
    locked = [key(table) for table in tables if table.is_locked]
    listed = ", ".join(f"{key(table)} {_megabytes(table.bytes)}" for table in known[:NAMED])
    whole = sum(table.bytes for table in known)
    message = f"{len(known)} tables take {_megabytes(whole)} with their indexes"
    message = f"{message}{_growth(known, before)}. Largest: {listed}." if listed else "No table."
    if problem:
        message += f" Their growth is not known: {problem}."
    if locked:
        message += f" Locked by another session, not measured: {list_some(locked, NAMED)}."

    return subject(database, "table_sizes").finding(
        "info",
        message,
        observed=round(known[0].bytes / MEGABYTE, 1) if known else 0,
        unit="MB in the largest table",
        lines=_table_lines(known, before),
    )


def _growth(known: t.Sequence[TableSize], before: PreviousSizes | None) -> str:
    """Return how much all tables grew since the previous run, as the end of a clause."""
    if before is None:
        return "; their growth is known from the next run on"

    grown = sum(table.bytes - before.tables.get(key(table), 0) for table in known)
    dropped = len(before.tables.keys() - {key(table) for table in known})
    words = f", {grown / MEGABYTE:+.1f} MB since the run of {before.day}"

    return words + (f", in which {dropped} others were seen" if dropped else "")


def _table_lines(known: t.Sequence[TableSize], before: PreviousSizes | None) -> t.Iterator[str]:
    """Yield what each table takes; the last line sums up those beyond the number of lines."""
    named = known if len(known) <= MOST_LINES else known[: MOST_LINES - 1]
    for table in named:
        parts = f"table {_megabytes(table.table_bytes)}, indexes {_megabytes(table.index_bytes)}"
        line = f"{_megabytes(table.bytes)} {key(table)[:200]} ({parts}){_grown(table, before)}"
        yield line[:LONGEST_LINE]

    if rest := known[len(named) :]:
        yield f"{_megabytes(sum(table.bytes for table in rest))} in {len(rest)} smaller tables"


def _grown(table: TableSize, before: PreviousSizes | None) -> str:
    if before is None:
        return ""
    if key(table) not in before.tables:
        return ", new"

    return f", {(table.bytes - before.tables[key(table)]) / MEGABYTE:+.1f} MB"


def _megabytes(size: int | None) -> str:
    return f"{(size or 0) / MEGABYTE:.1f} MB"


def connections_finding(
    database: Database, settings: Connections, counts: ConnectionCounts
) -> Finding:
    """Return the finding on the share of the server's connections that are in use."""
    limits = Limits(settings.warning_percent, settings.critical_percent)
    message = (
        f"{counts.active} active and {counts.here} open connections to this database; "
        f"the server has {counts.server} of {counts.limit} in use"
    )
    percent = round(100.0 * counts.server / counts.limit, 1)

    return subject(database, "connections").measured(
        percent, limits, message, "look for clients that do not close theirs", unit="%"
    )


def long_running_finding(
    database: Database, settings: LongRunning, running: t.Sequence[Holder]
) -> Finding:
    """Return the finding on the age of the oldest open transactions."""
    limits = Limits(settings.warning_seconds)
    late = [item for item in running if (item.seconds or 0) > settings.warning_seconds]
    longest = round(max((item.seconds or 0 for item in running), default=0.0), 1)
    about = subject(database, "long_running")
    if not late:
        message = f"No transaction is open for more than {settings.warning_seconds:g} s."
        return about.measured(longest, limits, message, unit="s")

    listed = list_some([item.text for item in late], NAMED)
    message = f"{len(late)} transactions are open for too long and hold back vacuum: {listed}"
    advice = "Ask their owners; end a prepared one by COMMIT PREPARED or ROLLBACK PREPARED"

    return about.measured(longest, limits, f"{message}. {advice}.", unit="s", status="warning")


def invalid_finding(database: Database, invalid: t.Sequence[InvalidIndex]) -> Finding:
    """Return the finding on indexes that cost writes and serve no query.

    One that is being built right now is not a fault.
    """
    faulty = [index for index in invalid if not index.being_built]
    names = list_some([display(index.schema, index.name) for index in faulty], NAMED)

    return subject(database, "invalid_indexes").finding(
        "warning" if faulty else "ok",
        f"Invalid indexes: {names}. The next reindex run drops what a broken rebuild left; "
        "drop or rebuild others."
        if faulty
        else "No index is invalid.",
        observed=len(faulty),
        expected=0,
        unit="indexes",
    )


def _left(outcomes: t.Sequence[Outcome]) -> int:
    """Return how many actions are still due; what is gone is not."""
    return sum(outcome.status not in ("done", "gone") for outcome in outcomes)


def _status(outcomes: t.Sequence[Outcome]) -> str:
    seen = {outcome.status for outcome in outcomes}
    if "failed" in seen:
        return "critical"
    if seen & {"skipped", "not_started"}:
        return "warning"

    return "info" if "planned" in seen else "ok"


def _undone(outcomes: t.Sequence[Outcome]) -> str:
    """Return what is not done and why, worst first, as the end of a sentence."""
    rank = {"failed": 0, "skipped": 1, "not_started": 2, "planned": 3}
    open_ones = sorted(
        (o for o in outcomes if o.status in rank), key=lambda outcome: rank[outcome.status]
    )
    if not open_ones:
        return ""

    return ": " + list_some(
        [
            f"{o.action.object} ({o.status.replace('_', ' ')}: {o.message or o.action.reason})"
            for o in open_ones
        ],
        NAMED,
    )
