# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of key figures over all runs, in any database that SQLAlchemy speaks to.

The runs' records are the truth and hold their samples; this is made from them and can be made again
(``python -m upkeep kpis --rebuild``). A run is kept once, however often it is handed in.
"""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from upkeep.database import SqlDatabase
from upkeep.kpi.downsampling import Keep, Point, PointKey, combined, cut_off, merge
from upkeep.kpi.figures import FigureDay, FigureDefinition, FigureHistoryError
from upkeep.run import clean
from upkeep.run.types import Bounds, KpiSample, RunRecord

#: The same number on every controller: the first eight bytes of sha256("upkeep.kpi.history"),
#: signed.
CREATION_LOCK: t.Final = 4115259304978217878


_NO_BOUNDS: t.Final[Bounds] = {"at_least": None, "at_most": None}
#: The columns of a figure's bounds.
_BOUNDS: t.Final = ("target_at_least", "target_at_most", "alert_at_least", "alert_at_most")


def _tables() -> tuple[t.Any, ...]:
    """Return metadata and tables: points, kept runs, definitions of figures, and the lock."""
    text, metadata = sa.String(200), sa.MetaData()
    key = {"primary_key": True}
    points = sa.Table(
        "upkeep_kpi_points",
        metadata,
        *(
            sa.Column(name, text, **key)
            for name in ("system", "host", "kpi", "level", "start", "run_id")
        ),
        sa.Column("samples", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Float(53), nullable=False) for name in ("mean", "low", "high")),
        sa.Index("upkeep_kpi_points_start", "level", "start"),
    )
    runs = sa.Table(
        "upkeep_kpi_runs",
        metadata,
        sa.Column("run_id", text, **key),
        *(sa.Column(name, text, nullable=False) for name in ("started", "outcome", "systems")),
    )
    figures = sa.Table(
        "upkeep_kpi_definitions",
        metadata,
        *(sa.Column(name, text, **key) for name in ("system", "kpi")),
        *(sa.Column(name, text, nullable=False) for name in ("title", "unit")),
        *(sa.Column(name, sa.Float(53)) for name in _BOUNDS),
    )
    lock = sa.Table(
        "upkeep_kpi_lock",
        metadata,
        sa.Column("id", sa.Integer, **key),
        sa.Column("turn", sa.Integer),
    )

    return metadata, points, runs, figures, lock


class FigureHistory:
    """The open history; every failure leaves as a FigureHistoryError."""

    def __init__(self, address: str, keep: Keep) -> None:
        for problem in keep.problems():
            raise FigureHistoryError(problem)

        self._keep = keep
        self._database = SqlDatabase(
            address,
            "the history of key figures",
            FigureHistoryError,
            "python -m upkeep kpis --rebuild",
        )
        self._metadata, self._points, self._runs, self._figures, self._lock = _tables()
        self._create()

    def close(self) -> None:
        """Give all connections back."""
        self._database.engine.dispose()

    def keep(self, record: RunRecord, now: datetime | None = None) -> bool:
        """Keep the samples of a run and make old points fewer, all or nothing.

        False when there was nothing to do.

        A run in check mode, one that is already in, and one without a start are passed over.
        """
        if record["check_mode"] or not record["started"] or not record["kpis"]:
            return False

        with self._database.writing() as connection:
            self._take_turn(connection)
            runs = self._runs
            if connection.execute(
                sa.select(runs.c.run_id).where(runs.c.run_id == record["run_id"])
            ).first():
                return False

            systems = ",".join(sorted({sample["system"] for sample in record["kpis"]}))
            row = {
                "run_id": record["run_id"],
                "started": record["started"],
                "outcome": record["outcome"],
            }
            connection.execute(sa.insert(runs), {**row, "systems": systems[:200]})
            connection.execute(
                sa.insert(self._points), [point._asdict() for point in _points(record)]
            )
            self._name_figures(connection, record)
            self._make_fewer(connection, now or datetime.now(UTC))

        return True

    def figures(self, system: str = "") -> list[FigureDefinition]:
        """Return the known figures, of one system or all, by name."""
        table = self._figures
        query = sa.select(table).order_by(table.c.system, table.c.kpi)
        if system:
            query = query.where(table.c.system == system)

        with self._database.reading() as connection:
            return [_figure(row) for row in connection.execute(query).mappings()]

    def days(
        self, system: str = "", days: int | None = None, now: datetime | None = None
    ) -> list[FigureDay]:
        """Return each figure day by day, oldest first, of the last ``days`` or of all times."""
        points = self._points
        day = sa.func.substr(points.c.start, 1, 10).label("day")
        total = sa.func.sum(points.c.samples)
        mean = sa.func.sum(points.c.mean * points.c.samples) / total
        seen = (
            total.label("samples"),
            mean.label("mean"),
            sa.func.min(points.c.low),
            sa.func.max(points.c.high),
        )
        query = sa.select(day, points.c.system, points.c.kpi, *seen).group_by(
            day, points.c.system, points.c.kpi
        )
        if system:
            query = query.where(points.c.system == system)

        if days is not None:
            first = _day_before(now or datetime.now(UTC), days)
            query = query.where(points.c.start >= first)

        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(day, points.c.system, points.c.kpi))
            return [_day(*row) for row in rows]

    def outcomes(self) -> dict[tuple[str, str], list[str]]:
        """Return (day, system) -> the outcomes of its runs that did not end well."""
        runs, found = self._runs, {}  # type: ignore[var-annotated]
        query = sa.select(runs).where(runs.c.outcome != "ok").order_by(runs.c.started)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                for system in row.systems.split(","):
                    found.setdefault((row.started[:10], system), []).append(row.outcome)

        return found

    def means_since(self, moment: datetime) -> dict[tuple[str, str], tuple[int, float]]:
        """Return by system and figure how many samples runs gave since a moment, and their mean."""
        points = self._points
        columns = (points.c.system, points.c.kpi)
        start = clean.stamp(moment) or ""
        query = (
            sa.select(*columns, sa.func.count(), sa.func.avg(points.c.mean))
            .where(points.c.level == "run", points.c.start >= start)
            .group_by(*columns)
        )

        with self._database.reading() as connection:
            rows = connection.execute(query).all()

        return {(system, kpi): (int(number), float(mean)) for system, kpi, number, mean in rows}

    def _create(self) -> None:
        """Make tables and lock when they are missing.

        First runs at the same moment wait for each other.
        """
        self._database.make_file()
        table = self._lock
        none = sa.select(sa.literal(1), sa.literal(0)).where(~sa.exists(sa.select(table.c.id)))
        with self._database.writing() as connection:
            if self._database.engine.dialect.name == "postgresql":
                # IF NOT EXISTS alone still fails there when two sessions come at once.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATION_LOCK)))

            for missing in self._metadata.sorted_tables:
                connection.execute(sa.schema.CreateTable(missing, if_not_exists=True))
                for index in missing.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

            connection.execute(sa.insert(table).from_select(["id", "turn"], none))

    def _take_turn(self, connection: t.Any) -> None:
        """Wait until no other run is writing: the row stays locked until this transaction ends."""
        connection.execute(sa.update(self._lock).values(turn=self._lock.c.turn + 1))

    def _name_figures(self, connection: t.Any, record: RunRecord) -> None:
        table = self._figures
        newest = {(sample["system"], sample["kpi"]): _row(sample) for sample in record["kpis"]}
        for (system, kpi), row in newest.items():
            connection.execute(sa.delete(table).where(table.c.system == system, table.c.kpi == kpi))
            connection.execute(sa.insert(table), row)

    def _make_fewer(self, connection: t.Any, now: datetime) -> None:
        """Turn old points into means of the next level, and remove what is too old."""
        table = self._points
        for level in ("run", "hour"):
            old = sa.and_(table.c.level == level, table.c.start < cut_off(level, self._keep, now))
            rows = connection.execute(sa.select(table).where(old)).mappings()
            for point in merge(Point(**row) for row in rows):
                self._add(connection, point)

            connection.execute(sa.delete(table).where(old))

        last = cut_off("day", self._keep, now)
        connection.execute(sa.delete(table).where(table.c.level == "day", table.c.start < last))
        connection.execute(sa.delete(self._runs).where(self._runs.c.started < last))

    def _add(self, connection: t.Any, point: Point) -> None:
        """Put a mean in, together with one of the same hour or day that is already there."""
        table = self._points
        place = PointKey(point.level, point.start, point.system, point.host, point.kpi)
        same = sa.and_(*(table.c[name] == value for name, value in place._asdict().items()))
        there = [
            Point(**row) for row in connection.execute(sa.select(table).where(same)).mappings()
        ]
        connection.execute(sa.delete(table).where(same))
        whole = combined(place, [point, *there])
        connection.execute(sa.insert(table), whole._asdict())


def _day_before(now: datetime, days: int) -> str:
    """Return the day some days ago; the first one of all when there are not so many."""
    try:
        return (now - timedelta(days=days)).strftime("%Y-%m-%d")
    except OverflowError:
        return ""


def _row(sample: KpiSample) -> dict[str, t.Any]:
    """Return the row of a figure from one of its samples."""
    names = {
        "system": sample["system"],
        "kpi": sample["kpi"],
        "title": sample["title"],
        "unit": sample["unit"],
    }
    target, alert = sample["target"] or _NO_BOUNDS, sample["alert"] or _NO_BOUNDS
    numbers = (target["at_least"], target["at_most"], alert["at_least"], alert["at_most"])

    return {**names, **dict(zip(_BOUNDS, numbers, strict=True))}


def _figure(row: t.Any) -> FigureDefinition:
    target, alert = (
        _bounds(row[f"{side}_at_least"], row[f"{side}_at_most"]) for side in ("target", "alert")
    )

    return FigureDefinition(row["system"], row["kpi"], row["title"], row["unit"], target, alert)


def _bounds(low: float | None, high: float | None) -> Bounds | None:
    return None if low is None and high is None else {"at_least": low, "at_most": high}


def _day(
    day: str, system: str, kpi: str, samples: t.Any, mean: t.Any, low: float, high: float
) -> FigureDay:
    return FigureDay(day, system, kpi, int(samples), min(max(float(mean), low), high), low, high)


def _points(record: RunRecord) -> Sequence[Point]:
    """Return the samples of a run as points, one for each figure of each host."""
    start = clean.stamp(clean.moment(record["started"])) or ""
    samples = {
        (sample["system"], sample["host"], sample["kpi"]): sample["value"]
        for sample in record["kpis"]
    }

    return [
        Point("run", start, system, host, kpi, record["run_id"], 1, value, value, value)
        for (system, host, kpi), value in samples.items()
    ]
