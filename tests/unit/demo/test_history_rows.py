# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SQL of the history in a real PostgreSQL: a seed gives the same rows, another one others."""

from __future__ import annotations

import re
import typing as t

import pytest

from demo import fleet
from demo.history.rows import SQL
from tests.unit.module_utils.postgresql.server import Server, server

IMAGE = fleet.PROJECT / "demo" / "image" / "sql"


class System(t.NamedTuple):
    """How many days its history has here, and the time columns of its tables."""

    days: int
    moments: dict[str, str]


SYSTEMS = {
    "fairedge": System(110, {"opportunities": "created_at", "odds_history": "recorded_at"}),
    "hyperopt": System(
        130,
        {
            "strategies": "created_at",
            "optimization_results": "created_at",
            "backtest_trades": '"timestamp"',
        },
    ),
    "student_success": System(
        150,
        {"predictions": "created_at", "interventions": "started_at", "notifications": "created_at"},
    ),
    "trailblaze": System(90, {"scraper_runs": "started_at"}),
}
TABLES = [(system, table) for system, shape in SYSTEMS.items() for table in shape.moments]


def load(system: str, seed: int, days: int = 0) -> str:
    """Fill a new database as a host's first boot does; return its name."""
    made, days = server(), days or SYSTEMS[system].days
    text = "".join((SQL / f"{name}.sql").read_text() for name in ("common", system))
    script = re.sub(
        r"(?<!:):(seed|days)\b", lambda found: str({"seed": seed, "days": days}[found[1]]), text
    )
    image = (IMAGE / f"{system}.sql").read_text()

    return made.create_database("", image, f"SET demo.seed = '{seed}';\n{script}")


@pytest.fixture(scope="module")
def databases() -> t.Callable[[str, int], tuple[Server, str]]:
    """Return a function from system and seed to a server and a database, which is filled once."""
    known: dict[tuple[str, int], str] = {}

    def find(system: str, seed: int) -> tuple[Server, str]:
        if (system, seed) not in known:
            known[system, seed] = load(system, seed)
        return server(), known[system, seed]

    return find


Find = t.Callable[[str, int], tuple[Server, str]]


@pytest.mark.parametrize(("system", "table"), TABLES)
def test_rows_reach_back_to_the_first_day_and_not_beyond_now(
    databases: Find, system: str, table: str
) -> None:
    days, moment = SYSTEMS[system].days, SYSTEMS[system].moments[table]
    query = (
        f"SELECT extract(epoch FROM now() - min({moment})) / 86400,"  # noqa: S608
        f" max({moment}) <= now(),"
        f" min({moment}) >= date_trunc('day', now()) - interval '{days} days' FROM {table}"
    )
    for seed in (1, 2):
        place, database = databases(system, seed)
        [(oldest, no_future, first)] = place.query(database, query)
        assert days - 3 < oldest <= days and no_future and first


@pytest.mark.parametrize(
    ("system", "table", "columns"),
    [
        ("fairedge", "opportunities", "odds, probability"),
        ("hyperopt", "strategies", "parameters, status"),
        ("student_success", "predictions", "id_student, risk_probability"),
        ("trailblaze", "scraper_runs", "status, cache_hits"),
    ],
)
def test_a_seed_gives_the_same_rows_and_another_seed_others(
    databases: Find, system: str, table: str, columns: str
) -> None:
    days, moment = SYSTEMS[system].days, SYSTEMS[system].moments[table]
    query = (
        "SELECT count(*),"  # noqa: S608
        f" md5(string_agg(({moment}, {columns})::text, ';' ORDER BY {moment}))"
        f" FROM {table} WHERE {moment} < date_trunc('day', now()) - interval '{days - 8} days'"
    )
    place, database = databases(system, 1)
    first = place.query(database, query)

    assert first[0][0] > 5
    assert place.query(load(system, 1), query) == first
    assert place.query(databases(system, 2)[1], query) != first


def test_no_result_is_older_than_its_strategy(databases: Find) -> None:
    for seed in (1, 2):
        place, database = databases("hyperopt", seed)
        for table in ("optimization_results", "backtest_trades"):
            query = (
                "SELECT count(*),"  # noqa: S608
                ' count(*) FILTER (WHERE s.created_at > r."timestamp")'
                f" FROM {table} AS r JOIN strategies AS s ON s.id = r.strategy_id WHERE s.id > 500"
            )
            [(count, early)] = place.query(database, query)
            assert count > 100 and early == 0


def test_odds_follow_their_opportunity(databases: Find) -> None:
    place, database = databases("fairedge", 2)
    query = (
        "SELECT count(*), count(*) FILTER (WHERE h.recorded_at < o.created_at)"
        " FROM odds_history AS h JOIN opportunities AS o ON o.id = h.opportunity_id"
        " WHERE o.id > 20000"
    )
    [(count, early)] = place.query(database, query)

    assert count > 1000 and early == 0


@pytest.mark.parametrize("seed", [1, 2, 3, 42, 987654321])
def test_no_candle_is_out_of_line_and_few_are_missing(databases: Find, seed: int) -> None:
    """A clean market has no jump of a percent from close to close, whatever the seed."""
    place, database = databases("hyperopt", 1)
    query = f"""
        SET demo.seed = '{seed}';
        SELECT symbol, count(*), max(abs(close / before - 1)), max(volume) / min(volume),
               bool_and(low <= least(open, close) AND high >= greatest(open, close) AND low > 0)
          FROM (SELECT *, lag(close) OVER (PARTITION BY symbol ORDER BY "timestamp") AS before
                  FROM market_candles(now() - interval '40 days', now())) AS market
         GROUP BY symbol ORDER BY symbol
    """  # noqa: S608 - a number of ours
    found = place.query(database, query)

    assert [row[0] for row in found] == ["AAA", "BBB", "CCC", "DDD", "EEE"]

    for _, count, jump, spread, whole in found:
        assert 40 * 288 * 0.995 < count <= 40 * 288
        assert jump < 0.01 and spread < 10 and whole


def test_the_market_of_another_seed_is_another(databases: Find) -> None:
    query = "SELECT close FROM market_data WHERE symbol = 'AAA' ORDER BY \"timestamp\" LIMIT 50"
    one, other = (
        place.query(name, query)
        for place, name in (databases("hyperopt", 1), databases("hyperopt", 2))
    )

    assert one != other


def test_the_market_goes_on_where_the_history_ends(databases: Find) -> None:
    count = "SELECT count(*) FROM market_data"
    place, database = databases("hyperopt", 1)
    before = place.query(database, count)
    place.run(database, "DELETE FROM market_data WHERE \"timestamp\" > now() - interval '2 hours'")

    assert place.query(database, count) < before

    catch_up = "SET demo.seed = '1'; SELECT market_catch_up()"
    place.run(database, catch_up, catch_up)

    assert before <= place.query(database, count) <= [(before[0][0] + 10,)]


def test_a_history_shorter_than_the_rows_of_the_image_adds_only_a_market() -> None:
    place = server()
    for system, table, count in (
        ("fairedge", "odds_history", 40_000),
        ("hyperopt", "strategies", 500),
    ):
        database = load(system, 1, days=3)
        assert place.query(database, f"SELECT count(*) FROM {table}") == [(count,)]  # noqa: S608
