# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logging: one JSON object per line, to a file that may be rotated by rename, or to the journal."""

from __future__ import annotations

import datetime as dt
import json
import logging
import logging.handlers
import sys
import typing as t

#: Fields that every record carries besides timestamp, level, service and message; null where they do not apply.
CONTEXT: t.Final = ("request_id", "user_id", "endpoint", "duration_ms", "status_code", "client_ip")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; extra fields come in by ``extra={...}``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; a traceback stays inside the one line."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        entry = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "service": self.service,
            "message": message,
            **{name: getattr(record, name, None) for name in CONTEXT},
        }
        return json.dumps(entry, default=str)


def configure(service: str, log_file: str) -> None:
    """Send everything to ``log_file`` (reopened after a rotation by itself), or to standard output when it is empty."""
    to_file = logging.handlers.WatchedFileHandler
    handler: logging.Handler = to_file(log_file) if log_file else logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
