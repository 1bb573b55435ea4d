# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health: every answer comes from asking the part itself, within a second or two."""

from __future__ import annotations

import typing as t

import kombu.exceptions  # type: ignore[import-not-found]
import redis
import sqlalchemy as sa

from .settings import ServiceSettings

Health = dict[str, t.Any]
Check = t.Callable[[], Health]
TIMEOUT: t.Final = 2.0  # seconds for each part
PING_SECONDS: t.Final = 1.0  # how long workers may take to answer a ping


def make_engine(settings: ServiceSettings) -> sa.engine.Engine | None:
    """Return the connection pool, None when the system has no database; connects on first use."""
    if not settings.database_url:
        return None

    return sa.create_engine(
        settings.database_url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=TIMEOUT,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": int(TIMEOUT),
            "options": f"-c statement_timeout={int(TIMEOUT * 1000)}",
            "application_name": f"{settings.system}-{settings.service}",
        },
    )


def make_cache(settings: ServiceSettings) -> redis.Redis | None:
    """Return the cache client, None when the system has no cache; connects on first use."""
    if not settings.redis_url:
        return None

    client: redis.Redis = redis.Redis.from_url(
        settings.redis_url,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        decode_responses=True,
    )

    return client


def database(engine: sa.engine.Engine) -> Health:
    """Ask the database for a row and report the pool."""
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1")).scalar_one()
    except sa.exc.SQLAlchemyError as error:
        return {"status": "unhealthy", "error": type(error).__name__}

    pool = engine.pool
    stats = {
        "size": pool.size(),
        "checked_in": pool.checkedin(),
        "checked_out": pool.checkedout(),
        "overflow": max(pool.overflow(), 0),
    }

    return {"status": "healthy", "pool_stats": stats}


def cache(client: redis.Redis) -> Health:
    """Ping Redis and report its memory and clients."""
    try:
        client.ping()
        info = client.info()
    except redis.RedisError as error:
        return {"status": "unhealthy", "error": type(error).__name__}

    return {
        "status": "healthy",
        "used_memory": info["used_memory"],
        "connected_clients": info["connected_clients"],
    }


def workers(celery_app: t.Any) -> Health:
    """Ping the workers over the broker; the first answer is enough."""
    try:
        with celery_app.connection_for_write(connect_timeout=TIMEOUT) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            answers = (
                celery_app.control.ping(timeout=PING_SECONDS, limit=1, connection=connection) or []
            )
    except (OSError, redis.RedisError, kombu.exceptions.OperationalError) as error:
        return {"status": "unhealthy", "error": type(error).__name__}

    if not answers:
        return {"status": "unhealthy", "error": "no worker answered"}

    return {"status": "healthy", "workers": sorted(name for answer in answers for name in answer)}


def overall(parts: t.Mapping[str, Health]) -> tuple[int, str]:
    """Return HTTP status and word for the whole: without a database nothing works."""
    ill = {name for name, health in parts.items() if health["status"] != "healthy"}
    if "database" in ill:
        return 503, "unhealthy"
    return 200, "degraded" if ill else "healthy"
