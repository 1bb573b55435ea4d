# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of key figures over all runs, in a database: a file beside the runs, or whatever SQLAlchemy speaks to.

The runs' records are the truth and hold their samples; this is made from them and can be made again
(``python -m upkeep kpis --rebuild``). A run is kept once, however often it is handed in.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import typing as t
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upkeep.kpi.downsampling import Keep, Place, Point, combined, cut_off, merge
from upkeep.run import clean
from upkeep.run.types import Record
from upkeep.store.connect_timeouts import patience


def _when_needed(name: str) -> t.Any:
    """Return a package that is loaded when something of it is used first.

    None when it is not installed.

    Loading SQLAlchemy takes half as long as loading Ansible, and most playbooks have no figures to
    keep.
    """
    if name in sys.modules:
        return sys.modules[name]

    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return None

    spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


#: None is answered by History, so that a run is kept all the same.
sa: t.Any = _when_needed("sqlalchemy")
FILE_NAME: t.Final = "kpis.sqlite"
#: The same number on every controller: the first eight bytes of sha256("upkeep.kpi.history"),
#: signed.
CREATION_LOCK: t.Final = 4115259304978217878


class HistoryError(Exception):
    """The history cannot be read or written.

    The message says what to do and never holds a password.
    """


def _tables() -> tuple[t.Any, ...]:
    """Return metadata and tables: points, the runs that are in, what each figure is called, and the lock."""
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
        "upkeep_kpi_figures",
        metadata,
        *(sa.Column(name, text, **key) for name in ("system", "kpi")),
        *(sa.Column(name, text, nullable=False) for name in ("title", "unit", "target", "alert")),
    )
    lock = sa.Table(
        "upkeep_kpi_lock",
        metadata,
        sa.Column("id", sa.Integer, **key),
        sa.Column("turn", sa.Integer),
    )

    return metadata, points, runs, figures, lock


class Day(t.NamedTuple):
    """One figure of one system on one day (``2026-03-01``), over all its hosts."""

    day: str
    system: str
    kpi: str
    samples: int
    mean: float
    low: float
    high: float


class Figure(t.NamedTuple):
    """What a figure is called and what is asked of it."""

    system: str
    kpi: str
    title: str
    unit: str
    target: str
    alert: str


def address_of(store: str, given: str = "") -> str:
    """Return the SQLAlchemy address of the history: the given one, the store's own, or a file in its directory."""
    for place in (given, store):
        if "://" in place:
            return place
    return f"sqlite:///{Path(given or store).expanduser() / FILE_NAME}"


class History:
    """The open history; every failure leaves as a HistoryError."""

    def __init__(self, address: str, keep: Keep = Keep()) -> None:  # noqa: B008 - a tuple cannot change
        if sa is None:
            raise HistoryError(
                "key figures over time need the package SQLAlchemy: pip install SQLAlchemy"
            )

        for problem in keep.problems():
            raise HistoryError(problem)

        self._keep = keep

        try:
            self._url = sa.engine.make_url(address)
            self._engine = sa.create_engine(
                self._url, hide_parameters=True, connect_args=patience(self._url)
            )
        except ModuleNotFoundError as error:
            raise HistoryError(
                f"this database needs the package {error.name}: install it"
            ) from None
        except (sa.exc.ArgumentError, ValueError):
            raise HistoryError(
                "the address of the history cannot be read; write postgresql+psycopg2://user:password@host/database"
            ) from None

        self._metadata, self._points, self._runs, self._figures, self._lock = _tables()
        with self._clear_errors():
            self._create()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def keep(self, record: Record, now: datetime | None = None) -> bool:
        """Keep the samples of a run and make old points fewer, all or nothing.

        False when there was nothing to do.

        A run in check mode, one that is already in, and one without a start are passed over.
        """
        if record["check_mode"] or not record["started"] or not record["kpis"]:
            return False

        with self._clear_errors(), self._engine.begin() as connection:
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

    def figures(self, system: str = "") -> list[Figure]:
        """Return the known figures, of one system or all, by name."""
        table = self._figures
        query = sa.select(table).order_by(table.c.system, table.c.kpi)
        if system:
            query = query.where(table.c.system == system)

        with self._clear_errors(), self._engine.connect() as connection:
            return [Figure(**row) for row in connection.execute(query).mappings()]

    def days(
        self, system: str = "", days: int | None = None, now: datetime | None = None
    ) -> list[Day]:
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
            since = (now or datetime.now(UTC)) - timedelta(days=days)
            query = query.where(points.c.start >= since.strftime("%Y-%m-%d"))

        with self._clear_errors(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(day, points.c.system, points.c.kpi))
            return [_day(*row) for row in rows]

    def outcomes(self) -> dict[tuple[str, str], list[str]]:
        """Return (day, system) -> the outcomes of its runs that did not end well."""
        runs, found = self._runs, {}  # type: ignore[var-annotated]
        query = sa.select(runs).where(runs.c.outcome != "ok").order_by(runs.c.started)
        with self._clear_errors(), self._engine.connect() as connection:
            for row in connection.execute(query):
                for system in row.systems.split(","):
                    found.setdefault((row.started[:10], system), []).append(row.outcome)

        return found

    def _create(self) -> None:
        """Make tables and lock when they are missing.

        First runs at the same moment wait for each other.
        """
        table = self._lock
        none = sa.select(sa.literal(1), sa.literal(0)).where(~sa.exists(sa.select(table.c.id)))
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
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

    def _name_figures(self, connection: t.Any, record: Record) -> None:
        table = self._figures
        newest = {
            (sample["system"], sample["kpi"]): {name: sample[name][:200] for name in Figure._fields}  # type: ignore[literal-required]
            for sample in record["kpis"]
        }
        for (system, kpi), row in newest.items():
            connection.execute(sa.delete(table).where(table.c.system == system, table.c.kpi == kpi))
            connection.execute(sa.insert(table), row)

    def _make_fewer(self, connection: t.Any, now: datetime) -> None:
        """Turn points that have served into means of the next level, and forget what is older than all limits."""
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
        place = Place(point.level, point.start, point.system, point.host, point.kpi)
        same = sa.and_(*(table.c[name] == value for name, value in place._asdict().items()))
        there = [
            Point(**row) for row in connection.execute(sa.select(table).where(same)).mappings()
        ]
        connection.execute(sa.delete(table).where(same))
        whole = combined(place, [point, *there])
        connection.execute(sa.insert(table), whole._asdict())

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Turn database errors into HistoryError, without their causes: those may hold the address and its password."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            text = " ".join(str(getattr(error, "orig", None) or error).split())
            for secret in (self._url.password, self._url.query.get("password")):
                text = text.replace(str(secret), "***") if secret else text

            hint = ""
            if any(word in text for word in ("malformed", "not a database", "disk image")):
                hint = f"; move {self._url.database} away and run `python -m upkeep kpis --rebuild`"

            raise HistoryError(f"the history of key figures answered: {text[:300]}{hint}") from None


def _day(
    day: str, system: str, kpi: str, samples: t.Any, mean: t.Any, low: float, high: float
) -> Day:
    return Day(day, system, kpi, int(samples), min(max(float(mean), low), high), low, high)


def _points(record: Record) -> Sequence[Point]:
    """Return the samples of a run as points, one for each figure of each host: the last one counts."""
    start = clean.stamp(clean.moment(record["started"])) or ""
    samples = {
        (sample["system"], sample["host"], sample["kpi"]): sample["value"]
        for sample in record["kpis"]
    }

    return [
        Point("run", start, system, host, kpi, record["run_id"], 1, value, value, value)
        for (system, host, kpi), value in samples.items()
    ]
