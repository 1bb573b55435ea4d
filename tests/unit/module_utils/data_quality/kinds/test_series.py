# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``series`` on a real server: points, gaps, outliers and age of each pair."""

from __future__ import annotations

import mmap
import random
import typing as t

import pytest
from ansible.module_utils.upkeep.data_quality import sources

from tests.unit.module_utils.data_quality.conftest import Review
from tests.unit.module_utils.postgresql.server import Server

HOSTILE: t.Final = """a"b'; DROP TABLE market; --\n%s {x} %(y)s"""
#: How it is called in findings.
SHOWN: t.Final = HOSTILE.replace("\n", r"\n")
#: A day of points a minute, and one more at each end, since the minute may change under a test.
#: Prices move by at most a thousandth, volumes by a seventh.
MARKET: t.Final = (
    "CREATE TABLE pairs (symbol text, active boolean)",
    "INSERT INTO pairs VALUES ('AAA', true), ('BBB', true), ('OLD', false)",
    "CREATE TABLE market (symbol text, at timestamptz, price numeric, volume numeric)",
    """INSERT INTO market SELECT s, date_trunc('minute', now()) - i * interval '1 minute',
              100 * (1 + (i * 7919 % 11 - 5) / 10000.0), 50 + i * 7919 % 7
         FROM generate_series(-1, 1441) i, unnest(ARRAY['AAA', 'BBB']) s""",
)
CHECK: t.Final[dict[str, t.Any]] = {
    "name": "market",
    "kind": "series",
    "table": "market",
    "key": "symbol",
    "keys_from": {"table": "pairs", "column": "symbol", "where": {"active": True}},
    "time": "at",
    "price": "price",
    "volume": "volume",
    "interval_seconds": 60,
    "aspects": {
        "missing": {"warning": 100, "requirements": ["R-hyperopt-10", "R-hyperopt-14"]},
        "gaps": {"warning": 1800},
        "prices": {"warning": 0},
        "volumes": {"warning": 0},
        "age": {"warning": 600},
    },
    "requirements": ["R-hyperopt-07"],
}


def market(pg: Server, *statements: str) -> dict[str, t.Any]:
    """Return the check of a database with a good day and what the statements did to it."""
    return {**CHECK, "database": pg.create_database("", *MARKET, *statements)}


def bad(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, tuple[str, t.Any]]:
    return {
        check: (item["status"], item["observed"])
        for check, item in found.items()
        if item["status"] != "ok"
    }


@pytest.mark.requirement("R-hyperopt-07", "R-hyperopt-08", "R-hyperopt-09")
def test_a_good_day_is_fine_for_every_active_pair(pg: Server, review: Review) -> None:
    found = review(market(pg))

    assert bad(found) == {}

    aspects = ("points", "missing", "gaps", "prices", "volumes", "age")

    assert list(found) == [
        f"series:market[{pair}].{aspect}" for pair in ("AAA", "BBB") for aspect in aspects
    ]
    assert found["series:market[AAA].points"]["observed"] == 1440
    assert found["series:market[AAA].missing"]["requirements"] == ["R-hyperopt-10", "R-hyperopt-14"]
    assert found["series:market[AAA].gaps"]["requirements"] == ["R-hyperopt-07"]


@pytest.mark.requirement("R-hyperopt-10", "R-hyperopt-11", "R-hyperopt-14")
def test_a_gap_is_measured_to_the_point(pg: Server, review: Review) -> None:
    hole = (
        "DELETE FROM market WHERE symbol = 'AAA'"
        " AND at BETWEEN now() - interval '401 min' AND now() - interval '200 min'"
    )
    found = review(market(pg, hole))
    gone = 1440 - found["series:market[AAA].points"]["observed"]

    assert 200 <= gone <= 202
    assert bad(found) == {
        "series:market[AAA].missing": ("warning", gone),
        "series:market[AAA].gaps": ("warning", gone * 60),
    }
    assert "1 gap of AAA" in found["series:market[AAA].gaps"]["message"]


@pytest.mark.requirement("R-hyperopt-10", "R-hyperopt-14")
def test_a_hundred_missing_points_are_borne_and_one_more_is_not(pg: Server, review: Review) -> None:
    every = (
        "DELETE FROM market WHERE symbol = '{}' AND extract(epoch FROM at)::int / 60 % {} = 0"
        " AND at > now() - interval '23 h'"
    )
    found = review(market(pg, every.format("AAA", 14), every.format("BBB", 13)))
    counts = {pair: found[f"series:market[{pair}].missing"] for pair in ("AAA", "BBB")}

    assert counts["AAA"]["observed"] <= 100
    assert counts["AAA"]["status"] == "ok"
    assert counts["BBB"]["observed"] > 100
    assert counts["BBB"]["status"] == "warning"


@pytest.mark.requirement("R-hyperopt-11")
def test_gaps_at_both_ends_of_the_window_count(pg: Server, review: Review) -> None:
    ends = (
        "DELETE FROM market WHERE symbol = 'AAA' AND at > now() - interval '61 min'",
        "DELETE FROM market WHERE symbol = 'BBB' AND at < now() - interval '23 h'",
    )
    found = review(market(pg, *ends))

    for pair in ("AAA", "BBB"):
        gap = found[f"series:market[{pair}].gaps"]

        assert gap["status"] == "warning"
        assert 58 * 60 <= gap["observed"] <= 62 * 60
        assert "1 gap of" in gap["message"]

    assert found["series:market[AAA].age"]["status"] == "warning"
    assert found["series:market[BBB].age"]["status"] == "ok"


@pytest.mark.requirement("R-hyperopt-12", "R-hyperopt-13")
def test_what_is_out_of_line_is_counted_and_the_rest_is_not(pg: Server, review: Review) -> None:
    odd = (
        "UPDATE market SET price = price * 3"
        " WHERE symbol = 'AAA' AND at = date_trunc('minute', now()) - interval '7 min'",
        "UPDATE market SET volume = 900 WHERE symbol = 'BBB' AND at > now() - interval '5 min'",
    )
    found = bad(review(market(pg, *odd)))

    # A price that leaps up and falls back makes two steps; a volume counts each time.
    assert found["series:market[AAA].prices"] == ("warning", 2)
    assert found["series:market[BBB].volumes"][0] == "warning"
    assert set(found) == {"series:market[AAA].prices", "series:market[BBB].volumes"}


@pytest.mark.requirement("R-hyperopt-12", "R-hyperopt-13")
@pytest.mark.parametrize("price", ["0", "-1", "'NaN'", "'Infinity'", "NULL"])
def test_no_price_and_no_volume_at_all_always_counts(
    pg: Server, review: Review, price: str
) -> None:
    volume = "-1" if price == "0" else price
    odd = (
        "UPDATE market SET price = {}, volume = {}"
        " WHERE symbol = 'AAA' AND at = date_trunc('hour', now()) - interval '1 h'"
    )
    found = bad(review(market(pg, odd.format(price, volume))))

    assert found["series:market[AAA].prices"] == ("warning", 1)
    assert found["series:market[AAA].volumes"] == ("warning", 1)


def test_half_of_the_points_out_of_line_do_not_hide_themselves(pg: Server, review: Review) -> None:
    odd = (
        "UPDATE market SET volume = 5000"
        " WHERE symbol = 'AAA' AND extract(epoch FROM at)::int / 60 % 10 < 4"
    )

    assert bad(review(market(pg, odd)))["series:market[AAA].volumes"] == ("warning", 576)


def test_a_quiet_pair_raises_no_alarm(pg: Server, review: Review) -> None:
    quiet = "UPDATE market SET price = 100, volume = 50 WHERE symbol = 'AAA'"
    step = "UPDATE market SET price = 104 WHERE symbol = 'AAA' AND at > now() - interval '2 h'"
    assert bad(review(market(pg, quiet, step))) == {}


def test_a_pair_that_stopped_is_critical_and_others_are_judged(pg: Server, review: Review) -> None:
    found = review(market(pg, "DELETE FROM market WHERE symbol = 'BBB'"))
    assert found["series:market[BBB].points"]["status"] == "critical"
    assert found["series:market[BBB].missing"]["observed"] == 1440
    assert found["series:market[BBB].age"]["status"] == "critical"
    assert found["series:market[AAA].points"]["status"] == "ok"


def test_one_question_tells_everything_of_a_table(
    pg: Server, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pairs with six figures each: asked once, so that all are of one moment."""
    real = sources.PostgresqlSource.rows
    asked = mmap.mmap(-1, 1)  # shared, since a database is asked by a process of its own

    def noted(source: sources.PostgresqlSource, text: str, *more: t.Any) -> t.Any:
        asked[0] += 1
        return real(source, text, *more)

    monkeypatch.setattr(sources.PostgresqlSource, "rows", noted)
    check = market(pg)
    market_table = {"table": "market", "time": "at"}
    others: list[dict[str, t.Any]] = [
        {**market_table, "name": "rows", "kind": "table", "where": {"symbol": "AAA"}},
        {
            **market_table,
            "name": "runs",
            "kind": "scrapers",
            "key": "symbol",
            "keys": ["AAA", "BBB"],
            "status": "symbol",
            "good": "AAA",
            "rows": "volume",
        },
    ]
    found = review(check, *({**other, "database": check["database"]} for other in others))

    assert len(found) == 12 + 2 + 4, found
    assert asked[0] == 3


def test_no_active_pair_is_unknown_and_never_ok(pg: Server, review: Review) -> None:
    found = review(market(pg, "UPDATE pairs SET active = false"))
    assert {check: item["status"] for check, item in found.items()} == {
        "series:market.points": "unknown"
    }


def test_points_of_the_future_do_not_make_data_fresh(pg: Server, review: Review) -> None:
    ahead = "INSERT INTO market VALUES ('AAA', now() + interval '2 h', 100, 50)"
    old = "DELETE FROM market WHERE symbol = 'AAA' AND at > now() - interval '3 h'"
    found = review(market(pg, old, ahead))["series:market[AAA].age"]
    assert found["status"] == "warning"
    assert "future" in found["message"]


def test_times_without_a_zone_are_utc_and_doubles_fill_one_slot(pg: Server, review: Review) -> None:
    naive = "ALTER TABLE market ALTER at TYPE timestamp USING at AT TIME ZONE 'UTC'"
    zone = "ALTER DATABASE {} SET timezone = 'Asia/Tokyo'"
    check = market(pg, naive, "INSERT INTO market SELECT * FROM market WHERE symbol = 'AAA'")
    pg.run(check["database"], zone.format(check["database"]))
    found = review(check)

    assert bad(found) == {}
    assert found["series:market[AAA].points"]["observed"] == 2880


def test_hostile_names_are_only_names(pg: Server, review: Review) -> None:
    renamed = '"' + HOSTILE.replace('"', '""') + '"'
    named = "UPDATE {} SET symbol = $x$NAME$x$ WHERE symbol = 'BBB'"
    check = market(
        pg,
        named.format("pairs").replace("NAME", HOSTILE),
        named.format("market").replace("NAME", HOSTILE),
        f"ALTER TABLE market RENAME price TO {renamed}",
        f"ALTER TABLE market RENAME TO {renamed}",
        f"ALTER TABLE pairs RENAME active TO {renamed}",
    )
    keys = {"table": "pairs", "column": "symbol", "where": {HOSTILE: True}}
    found = review({**check, "table": HOSTILE, "price": HOSTILE, "keys_from": keys})

    assert bad(found) == {}
    assert found[f"series:market[{SHOWN}].points"]["observed"] == 1440

    listed = {**check, "table": HOSTILE, "price": HOSTILE, "keys_from": None, "keys": [HOSTILE]}

    assert review(listed)[f"series:market[{SHOWN}].missing"]["status"] == "ok"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_missing_is_counted_as_by_hand(pg: Server, review: Review, seed: int) -> None:
    """A day in slots of 20 minutes, from which some are taken at random.

    Counted once more without a database.
    """
    chosen = random.Random(seed)  # noqa: S311 - a test's choice
    now = int(pg.query("postgres", "SELECT extract(epoch FROM now())")[0][0]) // 1200
    kept = [slot for slot in range(now - 72, now) if chosen.random() < (seed + 1) / 7]
    times = [str(slot * 1200 + chosen.randrange(1200)) for slot in kept]
    rows = (
        "INSERT INTO market SELECT 'A', to_timestamp(s), 1, 1"
        " FROM unnest(string_to_array('TIMES', ' ')::bigint[]) s"
    )
    table = "CREATE TABLE market (symbol text, at timestamptz, price numeric, volume numeric)"
    name = pg.create_database("", table, rows.replace("TIMES", " ".join(times)))
    check = {**CHECK, "keys_from": None, "keys": ["A"], "interval_seconds": 1200, "database": name}
    found = review(check)
    if int(pg.query("postgres", "SELECT extract(epoch FROM now())")[0][0]) // 1200 != now:
        pytest.skip("the slot changed while this test looked")

    gaps = [
        len(run)
        for run in "".join("x" if slot in kept else "." for slot in range(now - 72, now)).split("x")
        if run
    ]

    assert found["series:market[A].points"]["observed"] == len(kept)
    assert found["series:market[A].missing"]["observed"] == 72 - len(kept)
    assert found["series:market[A].gaps"]["observed"] == 1200 * max(gaps, default=0)
    assert f"{len(gaps)} gap" in found["series:market[A].gaps"]["message"]


@pytest.mark.parametrize(
    "moment",
    [
        "i * interval '1 minute' + (random() - 0.5) * interval '100 ms'",
        "i * interval '1 minute' + (random() - 0.5) * interval '10 s'",
        "i * interval '1 minute' + interval '59.99 s' + random() * interval '30 ms'",
        "i * interval '1 minute' + interval '30 s' + (random() - 0.5) * interval '20 s'",
    ],
    ids=["around the minute", "seconds around it", "just before it", "half past"],
)
def test_points_a_little_early_or_late_are_not_missing(
    pg: Server, review: Review, moment: str
) -> None:
    check = market(
        pg,
        "TRUNCATE market",
        "INSERT INTO market SELECT s, date_trunc('minute', now()) - MOMENT, 100, 50"
        " FROM generate_series(-1, 1445) i, unnest(ARRAY['AAA', 'BBB']) s".replace(
            "MOMENT", moment
        ),
    )

    found = review(check)

    assert found["series:market[AAA].missing"]["observed"] <= 1
    assert found["series:market[AAA].gaps"]["status"] == "ok"


def test_a_real_gap_between_points_with_jitter_is_measured(pg: Server, review: Review) -> None:
    check = market(
        pg,
        "TRUNCATE market",
        """INSERT INTO market SELECT s, date_trunc('minute', now()) - i * interval '1 minute'
                  + (random() - 0.5) * interval '2 s', 100, 50
             FROM generate_series(-1, 1445) i, unnest(ARRAY['AAA', 'BBB']) s
            WHERE i NOT BETWEEN 500 AND 539""",
    )

    found = review(check)

    assert found["series:market[AAA].missing"]["observed"] == pytest.approx(40, abs=1)
    assert found["series:market[AAA].gaps"]["observed"] == 40 * 60
