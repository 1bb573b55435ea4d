# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logging in the form of the system, to a file that may be rotated by rename, or to the journal.

``json``: one object per line with fixed fields. ``context``: one object per line, the rest below
``context``. ``text``: a line for people.
"""

from __future__ import annotations

import datetime as dt
import http
import json
import logging
import logging.handlers
import sys
import typing as t

from .settings import ServiceSettings

#: Fields that every record carries besides timestamp, level, service and message; null where they
#: do not apply.
CONTEXT: t.Final = ("request_id", "user_id", "endpoint", "duration_ms", "status_code", "client_ip")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; extra fields come in by ``extra={...}``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; a traceback stays inside the one line."""
        entry = {
            "timestamp": _moment(record),
            "level": record.levelname,
            "service": self.service,
            "message": self._message(record),
            **self._extra(record),
        }
        return json.dumps(entry, default=str)

    def _message(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return f"{message}\n{self.formatException(record.exc_info)}" if record.exc_info else message

    def _extra(self, record: logging.LogRecord) -> dict[str, t.Any]:
        return {name: getattr(record, name, None) for name in CONTEXT}


class ContextFormatter(JsonFormatter):
    """Formats a record as seven fields, of which ``context`` holds whatever else there is."""

    def _extra(self, record: logging.LogRecord) -> dict[str, t.Any]:
        extra = super()._extra(record)
        own = {name: extra.pop(name) for name in ("request_id", "user_id")}
        return {
            **own,
            "context": {name: value for name, value in extra.items() if value is not None},
        }


class TextFormatter(logging.Formatter):
    """Formats a record as time, level, logger and message.

    Of a request also what was asked and answered.
    """

    def __init__(self, _service: str) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; a traceback follows on lines of its own."""
        line = f"{_moment(record)} {record.levelname} {record.name}: {record.getMessage()}"
        if hasattr(record, "status_code"):
            phrase = http.HTTPStatus(record.status_code).phrase
            asked = f"{getattr(record, 'method', '-')} {getattr(record, 'endpoint', '-')}"
            line += f" {asked} {record.status_code} {phrase} {getattr(record, 'duration_ms', 0)} ms"

        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _moment(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMATTERS: t.Final[dict[str, t.Callable[[str], logging.Formatter]]] = {
    "json": JsonFormatter,
    "context": ContextFormatter,
    "text": TextFormatter,
}


def configure(config: ServiceSettings) -> None:
    """Send everything to the log file (reopened after a rotation), or to standard output."""
    to_file = logging.handlers.WatchedFileHandler
    handler: logging.Handler = (
        to_file(config.log_file) if config.log_file else logging.StreamHandler(sys.stdout)
    )
    handler.setFormatter(FORMATTERS[config.log_format](config.service))
    logging.basicConfig(level=config.log_level, handlers=[handler], force=True)
