# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person may have done to a task queue: purge it, put tasks back, start failed ones again.

A purge first moves each list aside, by one command that nothing can come between, so that a task
which arrives meanwhile is not lost. It saves what it moved, and only then deletes that. One that is
cut short leaves the tasks aside; the next one puts them back before it begins.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisError, RedisReplyError
from ..base.text import visible
from ..findings import Finding
from . import copies, retry
from .broker_facts import PURGED, connected
from .copies import CopyError
from .retry import RetryError
from .settings import Application, ChangeSettings

#: Messages in one file of a copy, and at once over the line.
PORTION: t.Final = 500
#: Before the name of a copy: which of its portions were put back.
PUT_BACK: t.Final = "upkeep.put_back."
#: For how long that is known, s: as long as anybody will put a copy back.
REMEMBERED: t.Final = 90 * 86400


class ChangeError(Exception):
    """A change that could not be made; nothing is lost, and the message says what to do."""


def run(settings: ChangeSettings, check_mode: bool) -> dict[str, t.Any]:
    """Make one change and return the module's answer; raises ChangeError."""
    try:
        return _CHANGES[settings.action](settings, check_mode)
    except TimeoutError as error:
        raise ChangeError(
            "there was not enough time; run it again, which goes on from here"
        ) from error
    except (RedisError, CopyError, RetryError) as error:
        raise ChangeError(visible(str(error))) from error


def purge(settings: ChangeSettings, check_mode: bool) -> dict[str, t.Any]:
    """Save the waiting tasks of a queue and take them out; raises what ``run`` catches."""
    application, name = settings.application, settings.queue
    lists = application.lists(name)
    with connected(application.broker, _deadline(settings)) as redis:
        if check_mode:
            number = sum(_length(redis, each) for each in lists)
            return _answer(settings, number, f"{number} tasks of {name} would be purged")

        returned = sum(_return(redis, each) for each in lists)
        copy = f"{application.name}-{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        folder = Path(settings.folder) / copy
        number = _saved_and_deleted(redis, lists, folder, application)

    more = (
        f"; {returned} of them were left by an earlier purge that was cut short" if returned else ""
    )
    if not number:
        return _answer(settings, 0, f"no task waited in {name}")

    return _answer(settings, number, f"{number} tasks of {name} were saved as {copy}{more}", copy)


def put_back(settings: ChangeSettings, check_mode: bool) -> dict[str, t.Any]:
    """Put the tasks of a copy back, each once, as the oldest of their lists."""
    folder = Path(settings.folder) / settings.copy
    portions = copies.read_manifest(folder, settings.application.name)
    marks = f"{PUT_BACK}{settings.copy}"
    number = 0
    with connected(settings.application.broker, _deadline(settings)) as redis:
        known = set(redis.ask("SMEMBERS", marks))
        left = [portion for portion in portions if portion.file not in known]
        if check_mode:
            number = sum(portion.count for portion in left)
            return _answer(settings, number, f"{number} tasks would be put back", settings.copy)

        # All are read before the first is put back: a damaged copy must not be put back in part.
        for _ in copies.read_portions(folder, left):
            pass

        for portion, messages in copies.read_portions(folder, left):
            _together(
                redis,
                ("RPUSH", portion.list, *messages),
                ("SADD", marks, portion.file),
                ("EXPIRE", marks, REMEMBERED),
            )
            number += len(messages)

    return _answer(settings, number, f"{number} tasks were put back", settings.copy)


def start_again(settings: ChangeSettings, check_mode: bool) -> dict[str, t.Any]:
    """Start failed tasks of one name once more."""
    number, message = retry.start_again(settings, _deadline(settings), check_mode)

    return _answer(settings, number, message)


_CHANGES: t.Final[Mapping[str, Callable[[ChangeSettings, bool], dict[str, t.Any]]]] = {
    "purge": purge,
    "put_back": put_back,
    "retry": start_again,
}


def _saved_and_deleted(
    redis: RedisClient, lists: list[str], folder: Path, application: Application
) -> int:
    """Move lists aside, save them and delete them; return the number of their tasks."""
    moved = [name for name in lists if _move_aside(redis, name)]
    if not moved:
        return 0

    try:
        portions = [
            copies.write_portion(folder, number, name, messages)
            for number, (name, messages) in enumerate(_messages(redis, moved), start=1)
        ]
        copies.write_manifest(folder, application.name, application.broker.place, portions)
    except BaseException:
        # What cannot be put back now stays aside, where the next purge finds it.
        with contextlib.suppress(RedisError, TimeoutError):
            for name in moved:
                _return(redis, name)
        raise

    for name in moved:
        redis.ask("UNLINK", f"{PURGED}{name}")

    return sum(portion.count for portion in portions)


def _move_aside(redis: RedisClient, name: str) -> bool:
    """Return whether a list was there and now has the name of one that is being purged."""
    try:
        return bool(redis.ask("RENAMENX", name, f"{PURGED}{name}"))
    except RedisReplyError as error:
        if "no such key" in str(error):
            return False
        raise


def _messages(redis: RedisClient, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the messages of lists that were moved aside, a portion at a time."""
    for name in names:
        start = 0
        while found := redis.ask("LRANGE", f"{PURGED}{name}", start, start + PORTION - 1):
            yield name, found
            start += len(found)


def _return(redis: RedisClient, name: str) -> int:
    """Put the tasks of a list that was moved aside behind newer ones; return how many."""
    number = 0
    while redis.ask("LMOVE", f"{PURGED}{name}", name, "LEFT", "RIGHT") is not None:
        number += 1

    return number


def _length(redis: RedisClient, name: str) -> int:
    return int(redis.ask("LLEN", name)) + int(redis.ask("LLEN", f"{PURGED}{name}"))


def _together(redis: RedisClient, *commands: tuple[str | int, ...]) -> None:
    """Have several commands done as one; raises RedisError when one was refused."""
    replies = redis.ask_all([("MULTI",), *commands, ("EXEC",)])
    done = replies[-1] if isinstance(replies[-1], list) else []
    for reply in [*replies, *done]:
        if isinstance(reply, RedisReplyError):
            raise reply


def _deadline(settings: ChangeSettings) -> Deadline:
    return Deadline(settings.max_seconds * 0.9)


def _answer(
    settings: ChangeSettings, number: int, message: str, copy: str = ""
) -> dict[str, t.Any]:
    return {
        "changed": number > 0,
        "number": number,
        "saved_as": copy,
        "message": message,
        "findings": [_finding(settings, number, message)],
        "diff": {"before": f"{number} tasks\n" if number else "", "after": ""},
    }


def _finding(settings: ChangeSettings, number: int, message: str) -> Finding:
    aspect = "retry" if settings.action == "retry" else "purge"
    ids = settings.application.subject(aspect).requirements

    return settings.application.subject(settings.action, ids).finding(
        "info", message, observed=number, unit="tasks"
    )
