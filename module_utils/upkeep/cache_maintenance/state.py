# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host keeps from run to run: counters of servers, times of warmings and scrapers."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ..base import state_file
from ..base.state_file import StateFileError
from .redis_keys import ServerFacts

VERSION: t.Final = 1


@dataclass(frozen=True)
class LastRun:
    """When a program ran last, in seconds since 1970, and beside which start of the server.

    ``good_at`` is when it last succeeded, 0 for never.
    """

    at: float = 0.0
    good_at: float = 0.0
    run_id: str = ""

    def after(self, at: float, succeeded: bool, run_id: str = "") -> LastRun:
        """Return the state after one more run."""
        return LastRun(at, at if succeeded else self.good_at, run_id if succeeded else self.run_id)


@dataclass
class CacheState:
    """What previous runs have kept, by the names of servers, warmings and scrapers."""

    servers: dict[str, ServerFacts] = field(default_factory=dict)
    warmings: dict[str, LastRun] = field(default_factory=dict)
    scrapers: dict[str, LastRun] = field(default_factory=dict)


def load(path: str) -> CacheState:
    """Return what ``save`` kept; nothing for a file that is not usable."""
    try:
        raw = state_file.load(path, VERSION) or {"servers": {}, "warmings": {}, "scrapers": {}}
        return CacheState(
            {str(name): _server(one) for name, one in raw["servers"].items()},
            {str(name): _last_run(one) for name, one in raw["warmings"].items()},
            {str(name): _last_run(one) for name, one in raw["scrapers"].items()},
        )
    except (StateFileError, KeyError, TypeError, ValueError, AttributeError):
        return CacheState()


def save(path: str, state: CacheState) -> None:
    """Keep the state for the next run; raises StateFileError."""
    state_file.save(path, VERSION, asdict(state))


def _server(raw: t.Any) -> ServerFacts:
    return ServerFacts(
        str(raw["run_id"]), float(raw["hits"]), float(raw["misses"]), int(raw["keys"])
    )


def _last_run(raw: t.Any) -> LastRun:
    return LastRun(float(raw["at"]), float(raw["good_at"]), str(raw["run_id"]))
