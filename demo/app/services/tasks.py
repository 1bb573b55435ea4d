# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the workers do: small versions of a betting system's jobs, in SQL and a few cache keys."""

from __future__ import annotations

import decimal
import functools
import json
import logging
import time
import typing as t

import sqlalchemy as sa

from . import health, settings

LOG: t.Final = logging.getLogger("services.tasks")
CACHE_KEY: t.Final = "opportunities:best"
CACHE_SECONDS: t.Final = 300
MOVE_ODDS: t.Final = """
    UPDATE opportunities
       SET odds = greatest(1.01, round((odds * (0.99 + random() * 0.02))::numeric, 2)),
           updated_at = now()
     WHERE active
"""
KEEP_ODDS: t.Final = """
    INSERT INTO odds_history (opportunity_id, odds) SELECT id, odds FROM opportunities WHERE active
"""
CALCULATE: t.Final = """
    UPDATE opportunities SET expected_value = new.value
      FROM (SELECT id, round(odds * probability - 1, 4) AS value
              FROM opportunities WHERE active) AS new
     WHERE opportunities.id = new.id AND expected_value <> new.value
"""
CLEAN_UP: t.Final = """
    DELETE FROM auth.users WHERE confirmed_at IS NULL AND created_at < now() - interval '30 days'
"""
BEST: t.Final = """
    SELECT id, sport, event, market, bookmaker, odds, probability, expected_value, updated_at
      FROM opportunities WHERE active ORDER BY expected_value DESC, id LIMIT 50
"""


@functools.cache
def _engine() -> sa.engine.Engine:
    engine = health.make_engine(settings.load())
    if engine is None:
        raise RuntimeError("tasks need DATABASE_URL")
    return engine


def _timed(name: str, job: t.Callable[[], int]) -> int:
    """Run the job, log how many rows it touched and how long it took."""
    began = time.monotonic()
    rows = job()
    elapsed = round((time.monotonic() - began) * 1000)
    LOG.info("%s finished: %d rows", name, rows, extra={"endpoint": name, "duration_ms": elapsed})

    return rows


def _execute(statement: str) -> int:
    with _engine().begin() as connection:
        return int(connection.execute(sa.text(statement)).rowcount)


def _plain(value: t.Any) -> float | str:
    """Return a value without a JSON type as the API writes it: a number, or text for a time."""
    return float(value) if isinstance(value, decimal.Decimal) else value.isoformat()


def odds_refresh() -> int:
    """Move the odds of every opportunity on offer a little, and keep the history."""

    def job() -> int:
        with _engine().begin() as connection:
            moved = connection.execute(sa.text(MOVE_ODDS)).rowcount
            connection.execute(sa.text(KEEP_ODDS))
        return int(moved)

    return _timed("odds_refresh", job)


def ev_calculation() -> int:
    """Bring the expected values in line with the odds."""
    return _timed("ev_calculation", lambda: _execute(CALCULATE))


def cache_warming() -> int:
    """Put the best opportunities into the cache, each key with an expiry."""

    def job() -> int:
        client = health.make_cache(settings.load())
        if client is None:
            return 0

        with client, _engine().connect() as connection:
            rows = connection.execute(sa.text(BEST)).mappings().all()
            client.set(
                CACHE_KEY, json.dumps([dict(row) for row in rows], default=_plain), ex=CACHE_SECONDS
            )

        return len(rows)

    return _timed("cache_warming", job)


def user_cleanup() -> int:
    """Remove accounts that were never confirmed within 30 days."""
    return _timed("user_cleanup", lambda: _execute(CLEAN_UP))


TASKS: t.Final[dict[str, t.Callable[[], int]]] = {
    "odds_refresh": odds_refresh,
    "ev_calculation": ev_calculation,
    "cache_warming": cache_warming,
    "user_cleanup": user_cleanup,
}
