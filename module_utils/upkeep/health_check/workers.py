# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts at checks that are under way, each where it can do no harm.

An attempt has a process of its own, which can be ended whatever it hangs in. Those that do nothing
but wait for the network (``Kind.only_waits``) share one process, the shared worker, with a thread
each: that costs a tenth. What hangs there, in a resolver for example, is left alone until the
shared worker is ended with all that is in it. This process has no threads.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import sys
import threading
import typing as t
from collections.abc import Iterator, Sequence

from ..base import isolated
from .attempt import observe
from .check import Check
from .kinds import KINDS

#: How long an attempt may take beyond the check's own limit to report that limit itself, and to be
#: gone, s.
GRACE: t.Final = 0.25
#: How long a thread may keep the others of the shared worker from running, s: it adds to the times
#: that they measure.
_SWITCH: t.Final = 0.0005
#: All else of the environment is dropped.
_KEPT_VARIABLES: t.Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ")


class WorkerEvent(t.NamedTuple):
    """One output of an attempt: a finding, or what to remember; None at its end.

    ``problem`` is why it ended otherwise than it should.
    """

    ticket: int
    output: dict[str, t.Any] | None
    problem: str = ""


class _WorkerProcess:
    """A process and the tickets of the attempts that are under way in it.

    ``requests`` is the pipe through which the shared worker takes more.
    """

    def __init__(self, child: isolated.Child, requests: int | None = None) -> None:
        self.child = child
        self.requests = requests
        self.tickets: set[int] = set()


class WorkerPool:
    """Starts attempts at these checks, gives each a ticket, hands on their output, ends them."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = {check.id: check for check in checks}
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, _WorkerProcess] = {}  # by the pipe of its output
        self._shared_worker: _WorkerProcess | None = None
        self._last = 0

    def start(self, check: Check) -> int:
        """Start an attempt and return its ticket."""
        self._last += 1
        shared = KINDS[check.kind].only_waits(check)
        process = self._start_shared(check) if shared else self._start_own(check)
        process.tickets.add(self._last)

        return self._last

    def listen(self, seconds: float) -> Iterator[WorkerEvent]:
        """Yield the output of attempts; waits for at most so long."""
        for key, _events in self._selector.select(seconds):
            process = self._processes[key.fd]
            outputs = process.child.take()
            if outputs is None:
                yield from self._ended(process)
            elif process.requests is not None:
                yield from self._of_shared(process, outputs)
            else:
                for ticket in process.tickets:
                    yield from (WorkerEvent(ticket, output) for output in outputs)

    def stop(self, ticket: int) -> None:
        """End an attempt: it has no further output."""
        process = next(process for process in self._processes.values() if ticket in process.tickets)
        process.tickets.remove(ticket)
        if process.requests is None:
            self._forget(process)
            process.child.end(grace=GRACE)

    def close(self) -> None:
        """End all that is under way."""
        for process in list(self._processes.values()):
            self._forget(process)
            process.child.end(grace=GRACE)

        self._selector.close()

    def _start_own(self, check: Check) -> _WorkerProcess:
        account = KINDS[check.kind].run_as(check)

        return self._listen_to(_WorkerProcess(isolated.start(lambda: _observe(check), account)))

    def _start_shared(self, check: Check) -> _WorkerProcess:
        if self._shared_worker is None:
            taken, requests = os.pipe()
            child = isolated.start(lambda: _work(taken, self._checks))
            self._shared_worker = self._listen_to(_WorkerProcess(child, requests=requests))
            os.close(taken)

        # When it has ended, all its attempts get to know in a moment.
        with contextlib.suppress(BrokenPipeError):
            line = f"{self._last} {check.id}\n".encode()
            os.write(t.cast(int, self._shared_worker.requests), line)

        return self._shared_worker

    def _listen_to(self, process: _WorkerProcess) -> _WorkerProcess:
        self._processes[process.child.pipe] = process
        self._selector.register(process.child.pipe, selectors.EVENT_READ)

        return process

    def _forget(self, process: _WorkerProcess) -> None:
        del self._processes[process.child.pipe]
        self._selector.unregister(process.child.pipe)
        if process is self._shared_worker:
            self._shared_worker = None

        if process.requests is not None:
            os.close(process.requests)

    def _of_shared(self, process: _WorkerProcess, outputs: list[t.Any]) -> Iterator[WorkerEvent]:
        for ticket, output in outputs:
            if ticket in process.tickets:  # else it was stopped
                yield WorkerEvent(ticket, output)
                if output is None:
                    process.tickets.remove(ticket)

    def _ended(self, process: _WorkerProcess) -> Iterator[WorkerEvent]:
        self._forget(process)
        code = process.child.end(GRACE, GRACE)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        problem = process.child.problem or (f"the probe ended with {how}" if code else "")

        yield from (WorkerEvent(ticket, None, problem) for ticket in process.tickets)


def _observe(check: Check) -> Iterator[t.Any]:
    _forget_environment()

    return observe(check)


def _forget_environment() -> None:
    """Drop the variables by which drivers would go to another server than a check names.

    Such are CELERY_BROKER_URL, PGHOST, HOSTALIASES or SSL_CERT_FILE.
    """
    for name in [name for name in os.environ if name not in _KEPT_VARIABLES]:
        del os.environ[name]


def _work(requests: int, checks: t.Mapping[str, Check]) -> Iterator[tuple[int, t.Any]]:
    """Yield the output of the shared worker's attempts with their tickets; never ends by itself."""
    _forget_environment()
    sys.setswitchinterval(_SWITCH)
    outputs: queue.SimpleQueue[tuple[int, t.Any]] = queue.SimpleQueue()
    threading.Thread(target=_take_requests, args=(requests, checks, outputs), daemon=True).start()

    while True:
        yield outputs.get()


def _take_requests(
    requests: int, checks: t.Mapping[str, Check], outputs: queue.SimpleQueue[tuple[int, t.Any]]
) -> None:
    with os.fdopen(requests, encoding="utf-8") as lines:
        for line in lines:
            ticket, _, check_id = line.strip().partition(" ")
            check = checks[check_id]
            work = threading.Thread(
                target=_attempt, args=(int(ticket), check, outputs), daemon=True
            )

            try:
                work.start()
            except RuntimeError as error:  # no more threads
                reason = f"the probe was not started: {error}"
                outputs.put((int(ticket), check.finding("unknown", reason)))
                outputs.put((int(ticket), None))


def _attempt(ticket: int, check: Check, outputs: queue.SimpleQueue[tuple[int, t.Any]]) -> None:
    for output in observe(check):
        outputs.put((ticket, output))

    outputs.put((ticket, None))
