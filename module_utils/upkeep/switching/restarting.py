# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restart what serves after its files were changed in place, and confirm it.

For a change that is not a release of its own, such as a model file. The caller takes the change
back when it is not confirmed, and restarts once more.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence
from math import ceil

from ..base import systemd
from ..base.deadline import Deadline
from ..base.systemd import SystemdError
from .asking import address_of
from .confirming import (
    Baseline,
    Confirmation,
    baseline,
    confirm,
    wait_until_ready,
)
from .log_tail import LogTail
from .settings import Server
from .unit_state import ended_since, stop_limits

#: What a worker has to finish its tasks, whatever systemd gives it, s.
_WORKER_STOPS: t.Final = 120.0


def before_change(server: Server, run_as: str = "") -> Baseline:
    """Return what the server answers now, to compare with after the change."""
    return baseline(server, address_of(server.listen[0]), run_as)


def worker_seconds(server: Server, stop_seconds: float = _WORKER_STOPS) -> float:
    """Return how long a worker may take to finish its tasks and start again, s."""
    return max(server.drain_seconds, stop_seconds) + server.start_seconds + 60


def restart_seconds(server: Server, workers: Sequence[str]) -> dict[str, float]:
    """Return how long each unit may take to end, as long as systemd lets it, and to start, s."""
    limits = stop_limits((server.unit, *workers))
    own = max(server.drain_seconds, limits[server.unit]) + server.start_seconds + 30
    others = {
        worker: worker_seconds(server, max(_WORKER_STOPS, limits[worker])) for worker in workers
    }

    return {server.unit: own, **others}


def switch_seconds(server: Server, worker_stops: Sequence[float]) -> float:
    """Return how long a change takes that succeeds, when all has the time that a profile gives, s.

    ``worker_stops`` is how long each worker may take to finish its tasks. It starts twice: beside
    what serves, and in its place.
    """
    workers = sum(max(server.drain_seconds, stops) for stops in worker_stops)

    return 2 * server.start_seconds + server.drain_seconds + workers + server.window.seconds


def time_problems(
    server: Server, worker_stops: Sequence[float], most: int, option: str
) -> Iterator[str]:
    """Yield that a change does not fit into ``most`` seconds, after which its module is ended.

    A release that is watched by then is good so far, and the host would take it back.
    """
    needed = switch_seconds(server, worker_stops)
    if needed > most:
        yield (
            f"{server.unit}: confirmation ({server.window.seconds:g} s), two starts"
            f" ({server.start_seconds:g} s each), drain_seconds and the times of"
            f" {len(worker_stops)} workers to end add up to {needed:.0f} s, and {option} is"
            f" {most}; raise {option} to at least {ceil(needed)}, or lower the times"
        )


def restart_and_confirm(
    server: Server, before: Baseline, workers: Sequence[str] = (), run_as: str = ""
) -> Confirmation:
    """Restart a server, then its workers, and watch it; a problem stands in what is returned.

    Connections wait meanwhile where a socket unit owns the listening socket, and are refused for
    the time of the restart where the server listens by itself. Raises nothing but OSError.
    """
    address = address_of(server.listen[0])
    tail = LogTail(server.window, (server.unit, *workers))
    seconds = restart_seconds(server, workers)
    try:
        systemd.restart(server.unit, Deadline(seconds[server.unit]))
        ended = ended_since(server.unit)
        ready = Deadline(server.start_seconds)
        problem = wait_until_ready(server, address, ready, ended, run_as)
        if problem:
            return Confirmation(f"after the restart: {problem}")
        for worker in workers:
            systemd.restart(worker, Deadline(seconds[worker]))
        ready = Deadline(server.start_seconds)
        problem = wait_until_ready(server, address, ready, ended, run_as) if workers else ""
        if problem:
            return Confirmation(f"after its workers were restarted: {problem}")
        ended = ended_since(server.unit, *workers)
    except (SystemdError, TimeoutError) as error:
        return Confirmation(str(error))

    return confirm(server, address, before, tail, ended, run_as)
