# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""fairedge: opportunities from the cache that the workers keep warm, else from PostgreSQL."""

from __future__ import annotations

import json
import logging
import time
import typing as t

import fastapi  # type: ignore[import-not-found]
import redis
import sqlalchemy as sa

from . import health, settings, tasks

LOG: t.Final = logging.getLogger("services.fairedge")
PATH: t.Final = "/api/opportunities"
SLOW_MS: t.Final = 1000

Rows = list[dict[str, t.Any]]


def best(engine: sa.engine.Engine, extra: dict[str, t.Any]) -> Rows:
    """Return the best opportunities from the database.

    A slow query and a database that is away are logged.
    """
    began = time.monotonic()
    try:
        with engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(sa.text(tasks.BEST)).mappings()]
    except sa.exc.SQLAlchemyError as error:
        LOG.error("database connection failed: %s", type(error).__name__, extra=extra)
        raise fastapi.HTTPException(
            status_code=500, detail="the database does not answer"
        ) from None

    elapsed = round((time.monotonic() - began) * 1000, 1)
    if elapsed > SLOW_MS:
        LOG.warning("slow_query: SELECT on opportunities", extra={**extra, "duration_ms": elapsed})

    return rows


def make(
    config: settings.ServiceSettings, engine: sa.engine.Engine | None
) -> tuple[dict[str, health.Check], dict[str, t.Callable[..., t.Any]]]:
    """Return health checks and routes."""
    client = health.make_cache(config)

    def cached() -> Rows | None:
        try:
            text = client.get(tasks.CACHE_KEY) if client is not None else None
        except redis.RedisError:
            return None

        found: Rows | None = json.loads(str(text)) if text else None
        return found

    def opportunities(request: fastapi.Request) -> dict[str, t.Any]:
        if engine is None:
            return {"count": 0, "opportunities": []}

        rows = cached()
        if rows is None:
            extra = {"endpoint": PATH, "request_id": request.state.request_id}
            LOG.info("cache_miss: %s", tasks.CACHE_KEY, extra=extra)
            rows = best(engine, extra)

        return {"count": len(rows), "opportunities": rows}

    return {}, {PATH: opportunities}
