# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stored results of tasks: how many there are, and which tasks failed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisReplyError
from .broker_facts import connected
from .settings import Application

PREFIX: t.Final = "celery-task-meta-"
#: Keys that a portion of SCAN looks at.
PORTION: t.Final = 500
#: Results begin with their status; a failed one is read whole, but for one that is larger, bytes.
HEAD: t.Final = 64
LARGEST: t.Final = 256 << 10
#: Entries of the application's own list that are read.
MOST_LISTED: t.Final = 1000
#: Prefixes of other applications that are looked at.
MOST_FOREIGN: t.Final = 100
FAILURE: t.Final = "FAILURE"

Json = dict[str, t.Any]


@dataclass(frozen=True)
class FailedTask:
    """A task that failed.

    ``name`` is '' where nothing tells it, ``at`` is when, None where nothing tells. Only with
    ``arguments`` can it be started again.
    """

    id: str
    name: str
    error: str
    at: float | None
    arguments: tuple[list[t.Any], Json] | None = None
    queue: str | None = None


@dataclass(frozen=True)
class StoredResults:
    """Results of a back end; ``is_partial`` when time or number ended the search.

    ``unread`` of them may be failed ones: they are not JSON, or too large to be read. ``foreign``
    is what stands before keys of results that are none of the application's.
    """

    count: int
    failed: tuple[FailedTask, ...]
    scanned: int
    is_partial: bool
    unread: int = 0
    foreign: tuple[str, ...] = ()


def collect(application: Application, deadline: Deadline, max_scanned: int) -> StoredResults:
    """Return the stored results; raises RedisError or TimeoutError."""
    found: set[str] = set()
    failed: list[FailedTask] = []
    foreign: set[str] = set()
    scanned = unread = 0
    own = f"{application.result_prefix}{PREFIX}"

    def stored(is_partial: bool) -> StoredResults:
        others = tuple(sorted(foreign))
        return StoredResults(len(found), tuple(failed), scanned, is_partial, unread, others)

    with connected(application.backend, Deadline(deadline.left + 10)) as redis:
        for keys in redis.scan(PORTION):
            scanned += len(keys)
            names = [key for key in keys if key.startswith(own) and key not in found]
            found.update(names)
            if not found and len(foreign) < MOST_FOREIGN:
                foreign.update(key.partition(PREFIX)[0] for key in keys if PREFIX in key)
            some, silent = _failed(redis, names, own)
            failed += some
            unread += silent
            if scanned >= max_scanned or deadline.is_over():
                return stored(is_partial=True)

    return stored(is_partial=False)


def listed(application: Application, name: str, deadline: Deadline) -> list[FailedTask]:
    """Return the newest entries of a list of the application's own; raises RedisError."""
    with connected(application.broker, deadline) as redis:
        entries = redis.ask("LRANGE", name, -MOST_LISTED, -1)

    return [_entry(text) for text in entries or ()]


def _failed(redis: RedisClient, names: Sequence[str], own: str) -> tuple[list[FailedTask], int]:
    """Return the failed tasks among some results, and how many results cannot be read."""
    heads = _replies(redis, [("GETRANGE", name, 0, HEAD - 1) for name in names])
    suspects = [name for name, head in zip(names, heads, strict=True) if _may_have_failed(head)]
    sizes = _replies(redis, [("STRLEN", name) for name in suspects])
    small = [
        name for name, size in zip(suspects, sizes, strict=True) if 0 < int(size or 0) <= LARGEST
    ]
    unread = sum(1 for size in sizes if int(size or 0) > LARGEST)
    failed: list[FailedTask] = []
    for name, text in zip(small, _replies(redis, [("GET", key) for key in small]), strict=True):
        found = _parsed(text)
        if found.get("status") == FAILURE:
            failed.append(_of_result(name.removeprefix(own), found))
        unread += text is not None and "status" not in found

    return failed, unread


def _replies(redis: RedisClient, commands: Sequence[Sequence[str | int]]) -> list[t.Any]:
    """Return the replies, None for a key that is of another type or is gone."""
    replies = redis.ask_all(commands) if commands else []

    return [None if isinstance(reply, RedisReplyError) else reply for reply in replies]


def _may_have_failed(head: t.Any) -> bool:
    text = str(head or "")

    return FAILURE in text or '"status"' not in text


def _of_result(name: str, found: Json) -> FailedTask:
    args, kwargs = found.get("args"), found.get("kwargs")
    can_start = isinstance(args, list) and isinstance(kwargs, dict) and found.get("name")
    error = found.get("result")
    kind = error.get("exc_type") if isinstance(error, Mapping) else ""

    return FailedTask(
        id=str(found.get("task_id") or name),
        name=str(found.get("name") or ""),
        error=str(kind or ""),
        at=_moment(found.get("date_done")),
        arguments=(t.cast("list[t.Any]", args), t.cast(Json, kwargs)) if can_start else None,
        queue=found["queue"] if isinstance(found.get("queue"), str) else None,
    )


def _entry(text: str) -> FailedTask:
    found = _parsed(text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    moments = (found.get(key) for key in ("failed_at", "date_done", "timestamp", "time"))

    return FailedTask(
        id=str(found.get("task_id") or found.get("id") or digest),
        name=str(found.get("task") or found.get("name") or ""),
        error=str(found.get("error") or found.get("exception") or "").partition("(")[0],
        at=next((moment for moment in map(_moment, moments) if moment is not None), None),
    )


def _parsed(text: t.Any) -> Json:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}

    return found if isinstance(found, dict) else {}


def _moment(value: t.Any) -> float | None:
    """Return a time in ISO 8601 (UTC without a zone) or in seconds, as seconds since the epoch."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None

    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None

    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
