# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""hyperopt: strategies from PostgreSQL, and a feed that updates the market data."""

from __future__ import annotations

import logging
import threading
import typing as t

import sqlalchemy as sa

from . import health

LOG: t.Final = logging.getLogger("services.hyperopt")
FEED_SECONDS: t.Final = 60.0
#: The market is a function in the database, see demo/image/sql/hyperopt.sql.
FEED: t.Final = "SELECT market_catch_up()"


def feed(engine: sa.engine.Engine, stop: threading.Event) -> None:
    """Bring the market data up to date now and then each minute, until ``stop``.

    A database that is away is logged.
    """
    while True:
        try:
            with engine.begin() as connection:
                connection.execute(sa.text(FEED))
        except sa.exc.SQLAlchemyError as error:
            LOG.warning("market data could not be kept: %s", type(error).__name__)
        if stop.wait(FEED_SECONDS):
            return


def make(
    engine: sa.engine.Engine | None,
) -> tuple[dict[str, health.Check], dict[str, t.Callable[..., t.Any]]]:
    """Return health checks and routes; starts the feed, which ends with the process."""
    if engine is not None:
        threading.Thread(
            target=feed, args=(engine, threading.Event()), name="feed", daemon=True
        ).start()

    def strategies() -> dict[str, t.Any]:
        if engine is None:
            return {"strategies": {}}

        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT status, count(*) FROM strategies GROUP BY status")
            ).all()

        return {"strategies": {status: int(count) for status, count in rows}}

    return {}, {"/api/strategies": strategies}
