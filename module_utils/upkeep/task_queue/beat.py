# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The beat of an application on this host: its processes, and when it last sent a task.

The file in which it keeps its schedule does not tell: it is pickled, and on Debian it is written
only when the beat ends. The broker knows for how long each connection has been idle, and the kernel
which connections are the beat's.
"""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base import isolated
from ..base.broker import Broker
from ..base.deadline import Deadline
from ..base.kernel import read_kernel
from ..base.owner import Owner
from ..base.redis_client import RedisError
from .broker_facts import connected
from .celery_processes import PROC, beats, status_of

#: The table of connections of a busy host is long, bytes.
_TABLE: t.Final = 16 << 20
_ESTABLISHED: t.Final = "01"
_CLIENT: t.Final = re.compile(r"\baddr=\S*:(\d+) .*\bidle=(\d+)\b")


@dataclass(frozen=True)
class BeatFacts:
    """The beats that run.

    ``age`` is how many seconds ago the one beat sent a task, ``uptime`` for how many it has run;
    ``problem`` is why the age is not known, '' when it has sent nothing so far.
    """

    processes: tuple[int, ...]
    age: float | None = None
    uptime: float = 0.0
    problem: str = ""


def collect(application: str, broker: Broker, deadline: Deadline) -> BeatFacts:
    """Return the beat processes of an application; raises OSError where /proc is not readable."""
    found = beats(application)
    processes = tuple(sorted(found))
    if len(processes) != 1:
        return BeatFacts(processes)

    (pid,) = processes
    if "beat" not in found[pid]:
        return BeatFacts(processes, problem="it is part of a worker and shares its connections")

    try:
        uptime = _uptime(pid)
        ports, problem = _ports_as_owner(pid, deadline)
        if problem:
            return BeatFacts(processes, problem=f"its connections are not known: {problem}")
        idle = [seconds for port, seconds in _clients(broker, deadline) if port in ports]
    except (OSError, ValueError, IndexError):
        return BeatFacts(processes, problem="its process ended meanwhile")
    except (RedisError, TimeoutError) as error:
        return BeatFacts(processes, problem=f"the broker does not list connections: {error}")

    return BeatFacts(processes, min(idle, default=None), uptime)


def _uptime(pid: int) -> float:
    """Return for how many seconds a process has run; raises OSError, ValueError, IndexError."""
    started = int(status_of(pid)[19]) / os.sysconf("SC_CLK_TCK")

    return float(read_kernel(f"{PROC}/uptime").split()[0]) - started


def _ports_as_owner(pid: int, deadline: Deadline) -> tuple[set[int], str]:
    """Return the local ports of a process, or why they are not known; raises OSError.

    Asked with the rights of its owner: in a container root may not look into others' processes.
    """
    status = os.stat(f"{PROC}/{pid}")  # noqa: PTH116 - not a path of a file system
    found, problem = isolated.run(
        lambda: _ports(pid), min(deadline.left, 10), run_as=Owner(status.st_uid, status.st_gid)
    )

    return {int(port) for port in found}, problem


def _ports(pid: int) -> Iterator[int]:
    """Yield the local ports of the connections of a process; raises OSError."""
    folder = Path(f"{PROC}/{pid}/fd")
    links = {str(entry.readlink()) for entry in folder.iterdir()}
    for table in ("tcp", "tcp6"):
        for line in read_kernel(f"{PROC}/{pid}/net/{table}", _TABLE).splitlines()[1:]:
            fields = line.split()
            is_own = len(fields) > 9 and f"socket:[{fields[9]}]" in links
            if is_own and fields[3] == _ESTABLISHED:
                yield int(fields[1].rpartition(":")[2], 16)


def _clients(broker: Broker, deadline: Deadline) -> Iterator[tuple[int, float]]:
    """Yield the port of each client of the broker with the seconds for which it has been idle."""
    with connected(broker, deadline) as redis:
        listed = str(redis.ask("CLIENT", "LIST"))

    for line in listed.splitlines():
        if found := _CLIENT.search(line):
            yield int(found[1]), float(found[2])
