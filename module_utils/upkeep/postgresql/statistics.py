# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is a table due? Pure decisions on PostgreSQL's own statistics; no state files.

All times are aware and come from the server, all ages are measured against the server's clock.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from .actions import Action, display
from .settings import Analyze, Vacuum

#: After a vacuum that could not remove dead rows (an old transaction still sees them), do not try
#: again at once.
RETRY_AFTER: t.Final = timedelta(hours=1)


@dataclass(frozen=True)
class TableStats:
    """One row of pg_stat_user_tables with what belongs to it.

    Counters are rows, ages are transactions.
    """

    oid: int
    schema: str
    name: str
    partitioned: bool
    parents: t.Sequence[int]
    live: int
    dead: int
    modified: int
    inserted: int
    last_analyze: datetime | None
    last_vacuum: datetime | None
    freeze_age: int

    @property
    def dead_percent(self) -> float:
        """Return the share of dead rows in percent."""
        return 100.0 * self.dead / (self.live + self.dead) if self.dead else 0.0


def why_analyze(table: TableStats, settings: Analyze, now: datetime) -> str | None:
    """Return why the table's statistics need a refresh, None when they do not."""
    if table.last_analyze is None:
        return "never analysed"

    changed_percent = 100.0 * table.modified / max(table.live, 1)
    if table.modified == 0 or changed_percent < settings.min_changed_percent:
        return None
    if not _older(table.last_analyze, settings.due_after_days, now):
        return None

    return (
        f"analysed more than {settings.due_after_days:g} days ago,"
        f" {table.modified} rows changed since"
    )


def why_vacuum(table: TableStats, settings: Vacuum, now: datetime) -> str | None:
    """Return why the table needs a vacuum, None when it does not.

    Its partitions stand for a partitioned table.
    """
    if table.partitioned:
        return None
    if table.last_vacuum is None:
        return "never vacuumed"
    if now - table.last_vacuum < RETRY_AFTER:
        return None
    if must_freeze(table, settings):
        return f"oldest row is {table.freeze_age} transactions old, limit {settings.freeze_age}"

    if has_many_dead(table, settings):
        return f"{table.dead} dead rows, {table.dead_percent:.0f} % of the table"

    touched = table.dead + table.inserted
    if touched and _older(table.last_vacuum, settings.due_after_days, now):
        return (
            f"vacuumed more than {settings.due_after_days:g} days ago,"
            f" {touched} rows dead or new since"
        )

    return None


def must_freeze(table: TableStats, settings: Vacuum) -> bool:
    """Return whether the table is past the age at which its rows are to be frozen."""
    return settings.freeze_age is not None and table.freeze_age > settings.freeze_age


def has_many_dead(table: TableStats, settings: Vacuum) -> bool:
    """Return whether the dead rows of the table alone make it due."""
    many = table.dead >= max(settings.dead_tuples_min, 1)

    return many and table.dead_percent > settings.dead_tuple_percent


def why_still_due(table: TableStats, settings: Vacuum, now: datetime) -> str | None:
    """Return what a recent vacuum has not achieved, None for a table that is as it should be.

    Whether something held it back, or new dead rows came, cannot be seen here.
    """
    if table.partitioned or table.last_vacuum is None or now - table.last_vacuum >= RETRY_AFTER:
        return None
    if must_freeze(table, settings):
        return f"oldest row still {table.freeze_age} transactions old"
    if has_many_dead(table, settings):
        return f"still {table.dead} dead rows"

    return None


def plan_tables(
    database: str,
    tables: t.Sequence[TableStats],
    analyze: Analyze | None,
    vacuum: Vacuum | None,
    now: datetime,
) -> list[Action]:
    """Return one action per table that is due, the one with the most dead rows first.

    ANALYZE of a partitioned table covers its partitions too, so they are not analysed a second
    time.
    """
    analyses = {
        table.oid: reason
        for table in tables
        if analyze is not None and (reason := why_analyze(table, analyze, now))
    }
    covered = {table.oid for table in tables if any(parent in analyses for parent in table.parents)}
    plan = []

    for table in sorted(tables, key=lambda item: (-item.dead, item.schema, item.name)):
        analysis = None if table.oid in covered else analyses.get(table.oid)
        vacuuming = why_vacuum(table, vacuum, now) if vacuum is not None else None
        if analysis or vacuuming:
            freeze = bool(vacuuming and vacuum is not None and must_freeze(table, vacuum))
            plan.append(_action(database, table, analysis, vacuuming, freeze))

    return plan


def _action(
    database: str, table: TableStats, analysis: str | None, vacuuming: str | None, freeze: bool
) -> Action:
    verbs = [
        ("vacuum_freeze" if freeze else "vacuum") if vacuuming else "",
        "analyze" if analysis else "",
    ]
    return Action(
        database=database,
        object=display(table.schema, table.name),
        action="_".join(filter(None, verbs)),
        reason="; ".join(filter(None, (vacuuming, analysis))),
        oid=table.oid,
        schema=table.schema,
        name=table.name,
    )


def _older(then: datetime, days: float, now: datetime) -> bool:
    return now - then > timedelta(days=days)
