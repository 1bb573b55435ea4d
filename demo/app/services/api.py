# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HTTP side: ``python3 -m services.api``.

Which routes exist follows from the system and the parts it has.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import socket
import time
import typing as t
import uuid

import fastapi  # type: ignore[import-not-found]
import sqlalchemy as sa
import uvicorn  # type: ignore[import-not-found]

from . import health, logs, settings

LOG: t.Final = logging.getLogger("services.api")

Handler = t.Callable[..., t.Any]


def health_checks(
    config: settings.ServiceSettings, engine: sa.engine.Engine | None
) -> dict[str, health.Check]:
    """Return the check of every part that this system has, by the name that its answers use."""
    checks: dict[str, health.Check] = {}
    if engine is not None:
        pool = engine
        checks["database"] = lambda: health.database(pool)

    client = health.make_cache(config)
    if client is not None:
        redis_client = client
        checks["redis"] = lambda: health.cache(redis_client)

    if config.broker_url:
        from .celery_app import celery_app

        checks["celery"] = lambda: health.workers(celery_app)

    return checks


def health_routes(checks: t.Mapping[str, health.Check]) -> dict[str, Handler]:
    """Return /health over all parts and /health/<part> for each."""

    def everything(response: fastapi.Response) -> dict[str, t.Any]:
        parts = {name: check() for name, check in checks.items()}
        response.status_code, word = health.overall(parts)
        return {
            "status": word,
            "timestamp": dt.datetime.now(dt.UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z"),
            "services": {name: part["status"] for name, part in parts.items()},
            "version": settings.VERSION,
        }

    def one(check: health.Check) -> Handler:
        def answer(response: fastapi.Response) -> health.Health:
            part = check()
            response.status_code = 200 if part["status"] == "healthy" else 503
            return part

        return answer

    return {
        "/health": everything,
        **{f"/health/{name}": one(check) for name, check in checks.items()},
    }


def own_parts(
    config: settings.ServiceSettings, engine: sa.engine.Engine | None
) -> tuple[dict[str, health.Check], dict[str, Handler]]:
    """Return the checks and routes that only this system has.

    Its module is loaded here, since models are heavy.
    """
    if config.system == "racing":
        from . import racing

        return racing.make(config)
    if config.system == "student_success":
        from . import student_success

        return student_success.make(config, engine)
    if config.system == "trailblaze":
        from . import trailblaze

        return trailblaze.make(config, engine)
    if config.system == "hyperopt":
        from . import hyperopt

        return hyperopt.make(engine)
    if config.system == "fairedge":
        from . import fairedge

        return fairedge.make(config, engine)

    return {}, {}


def slow_down(seconds: float) -> t.Callable[..., t.Awaitable[t.Any]]:
    """Return a middleware that lets every answer wait."""

    async def wait(
        request: fastapi.Request, call_next: t.Callable[..., t.Awaitable[t.Any]]
    ) -> t.Any:
        await asyncio.sleep(seconds)
        return await call_next(request)

    return wait


async def log_request(
    request: fastapi.Request, call_next: t.Callable[..., t.Awaitable[t.Any]]
) -> t.Any:
    """Write one line per request, except for probes.

    What else is logged about it has the same ``request_id``.
    """
    request.state.request_id = None
    if settings.is_probe(request):
        return await call_next(request)

    began = time.monotonic()
    context: dict[str, t.Any] = {
        "request_id": f"req_{uuid.uuid4().hex[:12]}",
        "user_id": request.headers.get("x-user-id"),
        "method": request.method,
        "endpoint": request.url.path,
        "client_ip": request.client.host if request.client else None,
    }
    request.state.request_id = context["request_id"]
    status = 500  # what the client sees when the handler raises

    try:
        response = await call_next(request)
        status = response.status_code
        return response
    finally:
        context["duration_ms"] = round((time.monotonic() - began) * 1000, 1)
        level = logging.ERROR if status >= 500 else logging.INFO
        LOG.log(level, "Request processed", extra={**context, "status_code": status})


def make_app(config: settings.ServiceSettings) -> t.Any:
    """Return the ASGI application of the system."""
    engine = health.make_engine(config)
    app = fastapi.FastAPI(
        title=config.system, version=settings.VERSION, docs_url=None, redoc_url=None
    )
    if config.delay:
        app.middleware("http")(slow_down(config.delay))

    app.middleware("http")(log_request)
    if config.system == "trailblaze":
        from .trailblaze import measure

        app.middleware("http")(measure)

    checks, routes = own_parts(config, engine)

    for path, handler in {
        **health_routes({**health_checks(config, engine), **checks}),
        **routes,
    }.items():
        method, _, place = path.rpartition(" ")
        app.add_api_route(place, handler, methods=[method or "GET"])

    return app


def handed_over() -> list[socket.socket]:
    """Return the listening sockets that systemd handed over.

    None when this process has to bind its own.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []

    return [socket.socket(fileno=3 + n) for n in range(int(os.environ.get("LISTEN_FDS", "0")))]


def main() -> None:
    """Serve until stopped."""
    config = settings.load()
    logs.configure(config)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(config), host=config.bind, port=config.port, log_config=None, access_log=False
        )
    )
    server.run(sockets=handed_over() or None)
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
