# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What earlier looks saw: messages of Celery carry no time, so their age is that of our looks."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..base import state_file
from ..base.state_file import StateFileError
from .broker_facts import BrokerFacts
from .results import FailedTask

VERSION: t.Final = 1
#: More failed tasks without a time are not remembered.
MOST_FAILED: t.Final = 2000


@dataclass(frozen=True)
class SeenApplication:
    """When something of an application was first seen, in seconds since the epoch.

    ``oldest`` has the task at the end of each list with that moment, ``failed`` failed tasks that
    carry no time of their own.
    """

    oldest: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    failed: Mapping[str, float] = field(default_factory=dict)


def seen_now(
    before: SeenApplication, broker: BrokerFacts | None, failed: Iterable[FailedTask], now: float
) -> SeenApplication:
    """Return the state after this run, without what is gone."""
    oldest: dict[str, tuple[str, float]] = dict(before.oldest) if broker is None else {}
    for queue in broker.queues if broker else ():
        for task in queue.oldest:
            name, since = before.oldest.get(task.list, ("", now))
            # A clock that was set back must not make an age negative.
            oldest[task.list] = (task.id, min(since, now) if name == task.id else now)

    timeless = [task.id for task in failed if task.at is None][-MOST_FAILED:]

    return SeenApplication(
        oldest, {name: min(before.failed.get(name, now), now) for name in timeless}
    )


def load(path: str) -> dict[str, SeenApplication]:
    """Return what was seen by application; empty for a file that is not usable."""
    try:
        raw = state_file.load(path, VERSION) or {}
        return {str(name): _restored(entry) for name, entry in raw["applications"].items()}
    except (StateFileError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def save(path: str, seen: Mapping[str, SeenApplication]) -> None:
    """Keep what was seen for the next look; raises StateFileError."""
    applications = {
        name: {"oldest": dict(entry.oldest), "failed": dict(entry.failed)}
        for name, entry in seen.items()
    }
    state_file.save(path, VERSION, {"applications": applications})


def _restored(entry: t.Any) -> SeenApplication:
    oldest = {
        str(name): (str(task), float(since)) for name, (task, since) in entry["oldest"].items()
    }
    failed = {str(name): float(since) for name, since in entry["failed"].items()}

    return SeenApplication(oldest, failed)
