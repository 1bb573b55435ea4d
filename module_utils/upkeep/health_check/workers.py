# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts at checks that are under way, each where it can do no harm.

An attempt has a process of its own, which can be ended whatever it hangs in. Those that do nothing
but wait for the network (``Kind.waits``) share one process, the crew, with a thread each: that
costs a tenth. What hangs there, in a resolver for example, is left to itself until the crew is
ended with all that is in it. This process has no threads.
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
from dataclasses import dataclass, field

from ..base import isolated
from .attempt import observe
from .check import Check
from .kinds import KINDS

#: How long an attempt may take beyond the check's own limit to report that limit itself, and to be
#: gone, s.
GRACE: t.Final = 0.25
#: How long a thread may keep the others of the crew from running, s: it goes into the times that
#: they measure.
_SWITCH: t.Final = 0.0005


class Event(t.NamedTuple):
    """What an attempt said. ``said`` is a finding, or what to remember, and None at its end.

    ``trouble`` is why it ended otherwise than it should, in words.
    """

    ticket: int
    said: dict[str, t.Any] | None
    trouble: str = ""


@dataclass
class _Process:
    """A process and the tickets of the attempts that are under way in it.

    ``orders`` is where a crew takes more.
    """

    child: isolated.Child
    tickets: set[int] = field(default_factory=set)
    orders: int | None = None


class Attempts:
    """Starts attempts at these checks, gives each a ticket, hands on what they say, and ends them."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = {check.id: check for check in checks}
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, _Process] = {}  # by the pipe that it speaks through
        self._crew: _Process | None = None
        self._last = 0

    def start(self, check: Check) -> int:
        """Start an attempt and return its ticket."""
        self._last += 1
        process = self._shared(check) if KINDS[check.kind].waits(check) else self._own(check)
        process.tickets.add(self._last)
        return self._last

    def listen(self, seconds: float) -> Iterator[Event]:
        """Yield what was said, after at most so long."""
        for key, _events in self._selector.select(seconds):
            process = self._processes[key.fd]
            said = process.child.take()
            if said is None:
                yield from self._ended(process)
            elif process.orders is None:
                yield from (Event(ticket, found) for ticket in process.tickets for found in said)
            else:
                yield from self._of_crew(process, said)

    def stop(self, ticket: int) -> None:
        """End an attempt: it says nothing any more."""
        process = next(process for process in self._processes.values() if ticket in process.tickets)
        process.tickets.remove(ticket)
        if process.orders is None:
            self._forget(process)
            process.child.end(grace=GRACE)

    def close(self) -> None:
        """End all that is under way."""
        for process in list(self._processes.values()):
            self._forget(process)
            process.child.end(grace=GRACE)
        self._selector.close()

    def _own(self, check: Check) -> _Process:
        return self._listen_to(
            _Process(isolated.start(lambda: observe(check), check.options.get("as_user")))
        )

    def _shared(self, check: Check) -> _Process:
        if self._crew is None:
            taken, orders = os.pipe()
            self._crew = self._listen_to(
                _Process(isolated.start(lambda: _work(taken, self._checks)), orders=orders)
            )
            os.close(taken)

        with contextlib.suppress(
            BrokenPipeError
        ):  # that it has ended is heard in a moment, for all its attempts
            os.write(t.cast(int, self._crew.orders), f"{self._last} {check.id}\n".encode())

        return self._crew

    def _listen_to(self, process: _Process) -> _Process:
        self._processes[process.child.pipe] = process
        self._selector.register(process.child.pipe, selectors.EVENT_READ)
        return process

    def _forget(self, process: _Process) -> None:
        del self._processes[process.child.pipe]
        self._selector.unregister(process.child.pipe)
        if process is self._crew:
            self._crew = None

        if process.orders is not None:
            os.close(process.orders)

    def _of_crew(self, process: _Process, said: list[t.Any]) -> Iterator[Event]:
        for ticket, found in said:
            if ticket in process.tickets:  # else it was stopped
                yield Event(ticket, found)
                if found is None:
                    process.tickets.remove(ticket)

    def _ended(self, process: _Process) -> Iterator[Event]:
        self._forget(process)
        code = process.child.end(GRACE, GRACE)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        trouble = process.child.problem or (f"the probe ended with {how}" if code else "")
        yield from (Event(ticket, None, trouble) for ticket in process.tickets)


def _work(orders: int, checks: t.Mapping[str, Check]) -> Iterator[tuple[int, t.Any]]:
    """Yield what the attempts of a crew say, with their tickets; it has no end of its own."""
    sys.setswitchinterval(_SWITCH)
    said: queue.SimpleQueue[tuple[int, t.Any]] = queue.SimpleQueue()
    threading.Thread(target=_take_orders, args=(orders, checks, said), daemon=True).start()
    while True:
        yield said.get()


def _take_orders(
    orders: int, checks: t.Mapping[str, Check], said: queue.SimpleQueue[tuple[int, t.Any]]
) -> None:
    with os.fdopen(orders, encoding="utf-8") as lines:
        for line in lines:
            ticket, _, check_id = line.strip().partition(" ")
            check = checks[check_id]
            try:
                threading.Thread(
                    target=_attempt, args=(int(ticket), check, said), daemon=True
                ).start()
            except RuntimeError as error:  # no more threads
                said.put(
                    (int(ticket), check.finding("unknown", f"the probe was not started: {error}"))
                )
                said.put((int(ticket), None))


def _attempt(ticket: int, check: Check, said: queue.SimpleQueue[tuple[int, t.Any]]) -> None:
    for found in observe(check):
        said.put((ticket, found))
    said.put((ticket, None))
