# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what was seen and done to findings. Pure: everything is handed in."""

from __future__ import annotations

import typing as t

from ..findings import Finding, finding, judge
from .actions import Outcome, display
from .catalogue import ConnectionCounts, Transaction
from .indexes import MEGABYTE, InvalidIndex
from .planning import Plan
from .settings import Connections, Database, LongRunning

#: How many objects a message names before it counts the rest.
NAMED: t.Final = 5
#: The aspects that a maintenance run takes care of; the others are only looked at.
WORK: t.Final = ("analyze", "vacuum", "reindex")
#: What is only looked at, and only where it is asked for.
LOOKS: t.Final = ("connections", "long_running", "statements", "index_use")

_DONE_WORD: t.Final = {"analyze": "analysed", "vacuum": "vacuumed"}


def check_name(database: Database, aspect: str = "") -> str:
    """Return the stable name of a check."""
    return f"database:{database.shown}.{aspect}" if aspect else f"database:{database.shown}"


def not_observed(database: Database, status: str, reason: str) -> list[Finding]:
    """Return the findings of a database that did not answer: itself, and unknown for all that was asked of it."""
    whole = finding(
        check_name(database),
        status,
        reason,
        expected="reachable",
        requirements=database.requirements("sizes"),
    )
    aspects = [name for name in (*WORK, *LOOKS) if getattr(database, name) is not None]
    aspects += ["invalid_indexes"] + ["table_sizes"] * (database.sizes is not None)

    return [
        whole,
        *(
            aspect_finding(database, aspect, "unknown", f"Not looked at: {reason}")
            for aspect in aspects
        ),
    ]


def not_maintained(database: Database, status: str, reason: str) -> list[Finding]:
    """Return a finding for each kind of work that was asked for and left alone on purpose."""
    asked = [aspect for aspect in WORK if getattr(database, aspect) is not None]
    return [aspect_finding(database, aspect, status, reason) for aspect in asked]


def aspect_finding(database: Database, aspect: str, status: str, message: str) -> Finding:
    """Return a finding without a measured value."""
    asked_by = "sizes" if aspect in ("", "table_sizes") else aspect
    return finding(
        check_name(database, aspect), status, message, requirements=database.requirements(asked_by)
    )


def work_findings(database: Database, plan: Plan, outcomes: t.Sequence[Outcome]) -> list[Finding]:
    """Return what became of the tables and indexes, one finding per kind of work that was asked for."""
    found = [
        _tables(database, aspect, plan, outcomes)
        for aspect in ("analyze", "vacuum")
        if getattr(database, aspect)
    ]
    return [*found, _reindex(database, plan, outcomes)] if database.reindex else found


def _tables(database: Database, aspect: str, plan: Plan, outcomes: t.Sequence[Outcome]) -> Finding:
    mine = [
        outcome
        for outcome in outcomes
        if outcome.action.kind == "tables" and aspect in outcome.action.action
    ]
    done = sum(outcome.status == "done" for outcome in mine)
    left = len(mine) - done
    message = f"{plan.tables} tables looked at, {done} {_DONE_WORD[aspect]}, {left} still due{_undone(mine)}."

    return finding(
        check_name(database, aspect),
        _status(mine),
        message,
        observed=left,
        expected=0,
        unit="tables due",
        requirements=database.requirements(aspect),
    )


def _reindex(database: Database, plan: Plan, outcomes: t.Sequence[Outcome]) -> Finding:
    mine = [
        outcome for outcome in outcomes if outcome.action.kind not in ("tables", "drop_extension")
    ]
    rebuilds = [outcome for outcome in mine if outcome.action.action == "reindex"]
    done = sum(outcome.status == "done" for outcome in rebuilds)
    left = len(rebuilds) - done + len(plan.no_space)
    status = _status(mine)
    chosen = plan.selection
    message = (
        f"{len(chosen.indexes)} of {chosen.asked} indexes are large enough to measure, "
        f"{done} rebuilt, {left} still due{_undone(mine)}."
    )
    if plan.unmeasured:
        status = "critical" if status == "critical" else "unknown"
        message = f"Indexes could not be measured: {plan.unmeasured}{_undone(mine)}."
    elif plan.no_space or plan.selection.missing:
        status = "critical" if status == "critical" else "warning"

    message += "".join(f" {text}." for text in _remarks(plan))

    return finding(
        check_name(database, "reindex"),
        status,
        message,
        observed=None if plan.unmeasured else left,
        expected=0,
        unit="indexes due",
        requirements=database.requirements("reindex"),
    )


def _remarks(plan: Plan) -> t.Iterator[str]:
    if plan.selection.missing:
        names = _some([display(name) for name in plan.selection.missing])
        yield f"Not in this database: {names}; correct reindex.indexes"

    if plan.no_space:
        yield f"Not enough disk space: {_some(plan.no_space)}"

    if plan.selection.unmeasurable:
        yield f"Left alone, since not a valid B-tree: {_some(plan.selection.unmeasurable)}"


def size_findings(
    database: Database, size: int, largest: t.Sequence[tuple[str, str, int]]
) -> list[Finding]:
    """Return the size of the database and, when asked for, of its largest tables."""
    whole = finding(
        check_name(database),
        "ok",
        f"The database answers and takes {size / MEGABYTE:.1f} MB.",
        observed=round(size / MEGABYTE, 1),
        expected="reachable",
        unit="MB",
        requirements=database.requirements("sizes"),
    )
    if database.sizes is None:
        return [whole]

    listed = ", ".join(
        f"{display(schema, name)} {bytes_ / MEGABYTE:.1f} MB" for schema, name, bytes_ in largest
    )
    tables = finding(
        check_name(database, "table_sizes"),
        "info",
        f"Largest tables with their indexes: {listed}."
        if listed
        else "The database has no tables.",
        observed=round(largest[0][2] / MEGABYTE, 1) if largest else 0,
        unit="MB in the largest table",
        requirements=database.requirements("sizes"),
    )

    return [whole, tables]


def connections_finding(
    database: Database, limits: Connections, counts: ConnectionCounts
) -> Finding:
    """Judge the share of the server's connections that are in use."""
    percent = 100.0 * counts.server / counts.limit
    status = judge(percent, limits.warning_percent, limits.critical_percent)
    message = (
        f"{counts.active} active and {counts.here} open connections to this database; "
        f"the server has {counts.server} of {counts.limit} in use."
    )
    first = min(filter(None, (limits.warning_percent, limits.critical_percent)), default=None)

    return finding(
        check_name(database, "connections"),
        status,
        message if status == "ok" else f"{message} Look for clients that do not close theirs.",
        observed=round(percent, 1),
        expected=f"at most {first:g}" if first is not None else None,
        unit="%",
        requirements=limits.requirements,
    )


def long_running_finding(
    database: Database, limits: LongRunning, running: t.Sequence[Transaction]
) -> Finding:
    """Judge the age of the oldest open transactions."""
    late = [item for item in running if item.seconds > limits.warning_seconds]
    longest = max((item.seconds for item in running), default=0.0)
    listed = _some(
        [
            f"pid {item.pid} of {display(item.user or '?')}, {item.state}, {item.seconds:.0f} s"
            for item in late
        ]
    )

    return finding(
        check_name(database, "long_running"),
        "warning" if late else "ok",
        f"{len(late)} transactions are open for too long and hold back vacuum: {listed}. Ask their owners."
        if late
        else f"No transaction is open for more than {limits.warning_seconds:g} s.",
        observed=round(longest, 1),
        expected=f"at most {limits.warning_seconds:g}",
        unit="s",
        requirements=limits.requirements,
    )


def invalid_finding(database: Database, invalid: t.Sequence[InvalidIndex]) -> Finding:
    """Report the indexes that cost writes and serve no query.

    One that is being built right now is no fault.
    """
    faulty = [index for index in invalid if not index.being_built]
    names = _some([display(index.schema, index.name) for index in faulty])

    return finding(
        check_name(database, "invalid_indexes"),
        "warning" if faulty else "ok",
        f"Invalid indexes: {names}. The next reindex run drops what a broken rebuild left; drop or rebuild others."
        if faulty
        else "No index is invalid.",
        observed=len(faulty),
        expected=0,
        unit="indexes",
    )


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

    return ": " + _some(
        [
            f"{o.action.object} ({o.status.replace('_', ' ')}: {o.message or o.action.reason})"
            for o in open_ones
        ]
    )


def _some(items: t.Sequence[str]) -> str:
    rest = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
