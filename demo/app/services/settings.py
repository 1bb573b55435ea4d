# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the environment file says this process is. Read once, at start."""

from __future__ import annotations

import os
import typing as t

VERSION: t.Final = "1.0.0"
#: Requests that carry it are measurements of maintenance tools and must not show up in the traffic.
PROBE_HEADER: t.Final = "x-upkeep-probe"
LOG_FORMATS: t.Final = ("json", "context", "text")


class ServiceSettings(t.NamedTuple):
    """One process of one system. Empty text means: this system has no such part."""

    system: str
    service: str  # how the process calls itself in its log: api, celery
    bind: str
    port: int
    database_url: str
    redis_url: str  # the cache
    broker_url: str  # the task queue
    home: str  # where models, caches and the like are
    log_format: str  # one of LOG_FORMATS
    log_level: str
    log_file: str  # empty: standard output, so the journal
    test_account: (
        str  # name:password of the account whose uploads leave no record; empty: there is none
    )
    delay: float  # seconds that each answer takes longer, to show what a slow service looks like


def load(environ: t.Mapping[str, str] = os.environ) -> ServiceSettings:
    """Return the settings.

    Raises SystemExit that names the variable which is missing or no number.
    """
    try:
        return ServiceSettings(
            system=environ["SYSTEM"],
            service=environ["SERVICE"],
            bind=environ.get("BIND", "127.0.0.1"),
            port=int(environ.get("PORT", "8000")),
            database_url=environ.get("DATABASE_URL", ""),
            redis_url=environ.get("REDIS_URL", ""),
            broker_url=environ.get("CELERY_BROKER_URL", ""),
            home=environ.get("APP_HOME", "."),
            log_format=environ.get("LOG_FORMAT", LOG_FORMATS[0]),
            log_level=environ.get("LOG_LEVEL", "INFO"),
            log_file=environ.get("LOG_FILE", ""),
            test_account=environ.get("TEST_ACCOUNT", ""),
            delay=float(environ.get("RESPONSE_DELAY", "0")),
        )
    except KeyError as error:
        raise SystemExit(
            f"variable {error} is not set: start this process by its unit, which reads the file"
        ) from None
    except ValueError as error:
        raise SystemExit(f"variable PORT or RESPONSE_DELAY is not a number: {error}") from None


def is_probe(request: t.Any) -> bool:
    """Return whether a request is a measurement."""
    return PROBE_HEADER in request.headers
