# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log lines with the same bytes as demo/app/services/logs.py, but faster: there are many."""

from __future__ import annotations

import datetime as dt
import http
import json
import typing as t
from json.encoder import encode_basestring_ascii

#: Clock time of each second of a day.
CLOCK: t.Final = tuple(f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400))
PHRASES: t.Final = {status.value: status.phrase for status in http.HTTPStatus}

#: A line and its moment, in milliseconds since the midnight (UTC) with which its day began. It may
#: have several rows.
Line = tuple[int, str]


class LoggedRequest(t.NamedTuple):
    """One request as its log line tells it.

    ``ms`` is when it ended, ``duration`` in milliseconds.
    """

    ms: int
    method: str
    path: str
    status: int
    duration: float
    ip: str
    user: str | None
    request_id: str


def moment(day: dt.date, ms: int) -> str:
    """Return date and time as logs have them."""
    return f"{day}T{CLOCK[ms // 1000]}.{ms % 1000:03}Z"


def quoted(text: str | None) -> str:
    """Return a text as JSON."""
    return "null" if text is None else encode_basestring_ascii(text)


def number(value: float | None) -> str:
    """Return a number as JSON."""
    return "null" if value is None else repr(value)


def json_line(
    day: dt.date,
    ms: int,
    level: str,
    service: str,
    message: str,
    *,
    request_id: str | None = None,
    user: str | None = None,
    endpoint: str | None = None,
    duration: float | None = None,
    status: int | None = None,
    ip: str | None = None,
) -> Line:
    """Return a line in the form ``json``."""
    head = f'{{"timestamp": "{moment(day, ms)}", "level": "{level}", "service": "{service}", '
    return ms, (
        f'{head}"message": {quoted(message)}, "request_id": {quoted(request_id)}, '
        f'"user_id": {quoted(user)}, "endpoint": {quoted(endpoint)}, '
        f'"duration_ms": {number(duration)}, "status_code": {number(status)}, '
        f'"client_ip": {quoted(ip)}}}'
    )


def json_request(day: dt.date, request: LoggedRequest) -> Line:
    """Return a request's line in the form ``json``; nothing in it needs quoting."""
    ms, _, path, status, duration, ip, user, request_id = request
    return ms, (
        f'{{"timestamp": "{moment(day, ms)}", "level": "{_level(status)}", "service": "api", '
        f'"message": '
        f'"Request processed", "request_id": "{request_id}", "user_id": {quoted(user)}, '
        f'"endpoint": "{path}", '
        f'"duration_ms": {duration}, "status_code": {status}, "client_ip": "{ip}"}}'
    )


def context_line(
    day: dt.date,
    ms: int,
    level: str,
    service: str,
    message: str,
    request_id: str | None = None,
    **context: t.Any,
) -> Line:
    """Return a line in the form ``context``."""
    head = f'{{"timestamp": "{moment(day, ms)}", "level": "{level}", "service": "{service}", '
    tail = f'"user_id": null, "context": {json.dumps(context)}}}'
    return ms, f'{head}"message": {quoted(message)}, "request_id": {quoted(request_id)}, {tail}'


def context_request(day: dt.date, request: LoggedRequest) -> Line:
    """Return a request's line in the form ``context``."""
    ms, _, path, status, duration, ip, _, request_id = request
    context = {"endpoint": path, "duration_ms": duration, "status_code": status, "client_ip": ip}
    return context_line(day, ms, _level(status), "api", "Request processed", request_id, **context)


def text_line(day: dt.date, ms: int, level: str, logger: str, message: str) -> Line:
    """Return a line in the form ``text``."""
    return ms, f"{moment(day, ms)} {level} {logger}: {message}"


def logging_line(day: dt.date, ms: int, level: str, logger: str, message: str) -> Line:
    """Return a line in the form ``logging``, that of Python's logging where nobody sets another."""
    stamp = f"{day} {CLOCK[ms // 1000]},{ms % 1000:03}"
    return ms, f"{stamp} - {logger} - {level} - {message}"


def text_request(day: dt.date, request: LoggedRequest) -> Line:
    """Return a request's line in the form ``text``."""
    ms, method, path, status, duration = request[:5]
    head = f"{moment(day, ms)} {_level(status)} services.api: Request processed"
    return ms, f"{head} {method} {path} {status} {PHRASES[status]} {duration} ms"


def combined(day: dt.date, request: LoggedRequest, size: int) -> Line:
    """Return a request's line as nginx writes it, in the form ``combined``."""
    stamp = f"{day:%d/%b/%Y}:{CLOCK[request.ms // 1000]} +0000"
    asked = f"{request.method} {request.path} HTTP/1.1"

    return (
        request.ms,
        f'{request.ip} - - [{stamp}] "{asked}" {request.status} {size} "-" "Mozilla/5.0"',
    )


def _level(status: int) -> str:
    return "ERROR" if status >= 500 else "INFO"
