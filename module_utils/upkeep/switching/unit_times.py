# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the units of a switch may take to end and to start."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from .restarting import worker_seconds
from .settings import Server
from .unit_state import stop_limits

#: Seconds that a server may take to end beyond its last request, or beyond systemd's own limit.
_ENDS: t.Final = 120.0
_BEYOND_LIMIT: t.Final = 60.0


class UnitTimes:
    """Times of a server and its workers: the longer of the profile's and systemd's.

    What runs may have more time than its next release. systemd is asked once, before a change.
    """

    def __init__(self, server: Server, workers: Sequence[str], worker_stops: float) -> None:
        self._server = server
        self._workers = tuple(workers)
        self._worker_stops = worker_stops
        self._limits: dict[str, float] = {}

    def server_ends(self) -> float:
        """Return how long what serves may take to end, s."""
        limit = self._limit(self._server.unit)

        return max(self._server.drain_seconds + _ENDS, limit + _BEYOND_LIMIT)

    def restart_of(self, worker: str) -> float:
        """Return how long a worker may take to finish its tasks and start again, s."""
        return worker_seconds(self._server, max(self._worker_stops, self._limit(worker)))

    def restart_of_workers(self) -> float:
        """Return the same for all workers, one after another."""
        return sum(map(self.restart_of, self._workers))

    def _limit(self, unit: str) -> float:
        if not self._limits:
            self._limits = stop_limits((self._server.unit, *self._workers))

        return self._limits.get(unit, 0.0)
