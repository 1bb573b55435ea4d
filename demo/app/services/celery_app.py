# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task queue of a system that has one: ``celery -A services.celery_app.celery_app worker``."""

from __future__ import annotations

import typing as t

import celery
import celery.signals

from . import logs, settings, tasks


def make_app(config: settings.ServiceSettings) -> t.Any:
    """Return the Celery application with its tasks and their (short) periods."""
    app = celery.Celery(config.system, broker=config.broker_url, backend=config.broker_url)
    app.conf.update(
        beat_schedule={
            "odds_refresh": {"task": "odds_refresh", "schedule": 60.0},
            "ev_calculation": {"task": "ev_calculation", "schedule": 60.0},
            "cache_warming": {"task": "cache_warming", "schedule": 60.0},
            "user_cleanup": {"task": "user_cleanup", "schedule": 300.0},
        },
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_timeout": 2.0, "socket_connect_timeout": 2.0},
        enable_utc=True,
        result_expires=3600,
        task_time_limit=300,
        worker_send_task_events=False,
    )
    for name, function in tasks.TASKS.items():
        app.task(function, name=name)

    return app


def configure_logging(**_: t.Any) -> None:
    """Keep Celery from installing its own handlers."""
    logs.configure(CONFIG)


CONFIG: t.Final = settings.load()
celery_app: t.Final = make_app(CONFIG)
celery.signals.setup_logging.connect(configure_logging)
