# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""trailblaze: a calendar of rides.

Events from PostgreSQL, the state of the scrapers, metrics for Prometheus.
"""

from __future__ import annotations

import base64
import datetime as dt
import time
import typing as t
from pathlib import Path

import fastapi  # type: ignore[import-not-found]
import prometheus_client as prometheus  # type: ignore[import-not-found]
import sqlalchemy as sa

from . import health, settings

REQUESTS: t.Final = prometheus.Counter(
    "http_requests_total", "HTTP requests", ["method", "endpoint", "status_code"]
)
LATENCY: t.Final = prometheus.Histogram(
    "http_request_duration_seconds", "Duration of HTTP requests", ["method", "endpoint"]
)
POOL: t.Final = prometheus.Gauge(
    "database_pool_connections", "Connections of the database pool", ["state"]
)
PAGE_ROWS: t.Final = 50
EVENTS: t.Final = """
    SELECT id, name, location, date_start, date_end, distance_miles FROM events
     WHERE id > :after ORDER BY id LIMIT :rows
"""
STATE: t.Final = """
    SELECT DISTINCT ON (scraper) scraper, status, started_at, finished_at,
           events, cache_hits, cache_misses, message
      FROM scraper_runs ORDER BY scraper, started_at DESC
"""


async def measure(
    request: fastapi.Request, call_next: t.Callable[..., t.Awaitable[t.Any]]
) -> t.Any:
    """Count and time each request under its route, so that no visitor can make up labels.

    Probes are no traffic.
    """
    if settings.is_probe(request):
        return await call_next(request)

    began, status = time.monotonic(), 500

    try:
        response = await call_next(request)
        status = response.status_code
        return response
    finally:
        route = request.scope.get("route")
        endpoint = route.path if route else "unknown"
        LATENCY.labels(request.method, endpoint).observe(time.monotonic() - began)
        REQUESTS.labels(request.method, endpoint, status).inc()


def cursor_of(number: int) -> str:
    """Return the id of a page's last row as text that callers hand back."""
    return base64.urlsafe_b64encode(str(number).encode()).decode()


def after(cursor: str) -> int:
    """Return the id that a cursor stands for; raises ValueError."""
    return int(base64.urlsafe_b64decode(cursor.encode()).decode()) if cursor else 0


def make(
    config: settings.ServiceSettings, engine: sa.engine.Engine | None
) -> tuple[dict[str, health.Check], dict[str, t.Callable[..., t.Any]]]:
    """Return health checks and routes."""

    def rows(statement: str, **values: t.Any) -> list[dict[str, t.Any]]:
        if engine is None:
            return []
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def events(cursor: str = "") -> dict[str, t.Any]:
        try:
            found = rows(EVENTS, after=after(cursor), rows=PAGE_ROWS)
        except ValueError:
            raise fastapi.HTTPException(
                status_code=422, detail="cursor is not one of ours"
            ) from None

        more = len(found) == PAGE_ROWS
        return {"events": found, "next": cursor_of(found[-1]["id"]) if more else None}

    def scrapers() -> dict[str, t.Any]:
        return {"scrapers": {row.pop("scraper"): row for row in rows(STATE)}}

    def metrics() -> fastapi.Response:
        if engine is not None:
            POOL.labels("checked_in").set(engine.pool.checkedin())
            POOL.labels("checked_out").set(engine.pool.checkedout())

        return fastapi.Response(
            prometheus.generate_latest(), media_type=prometheus.CONTENT_TYPE_LATEST
        )

    def cache() -> health.Health:
        folder = Path(config.home) / "cache"
        if not folder.is_dir():
            return {"status": "unhealthy", "error": "no cache folder"}

        ages = [time.time() - path.stat().st_mtime for path in folder.iterdir()]
        oldest = dt.timedelta(seconds=round(max(ages, default=0)))

        return {"status": "healthy", "entries": len(ages), "oldest": str(oldest)}

    return {"cache": cache}, {"/v1/events": events, "/v1/scrapers": scrapers, "/metrics": metrics}
