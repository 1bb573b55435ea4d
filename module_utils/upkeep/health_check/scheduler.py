# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out all checks at the same time, and ends in time whatever happens."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Sequence
from contextlib import closing

from ..findings import Finding, worst
from .attempt import timed_out
from .check import Check, Memory
from .findings import FAILED, complete, has_failed, not_judged, with_own
from .kinds import KINDS
from .workers import GRACE, WorkerEvent, WorkerPool


class PendingCheck:
    """A check without a verdict yet: waiting for its turn, or under way.

    Moments are those of time.monotonic().
    """

    def __init__(
        self,
        check: Check,
        attempt: int = 1,
        not_before: float = 0.0,
        previous: tuple[Finding, ...] = (),
    ) -> None:
        self.check = check
        self.attempt = attempt
        self.not_before = not_before
        self.started = 0.0
        self.previous = previous  # what the previous attempt found
        self.findings: list[Finding] = []  # what this attempt has found so far
        self.memories: list[Memory] = []  # what it keeps for the next run

    @property
    def deadline(self) -> float:
        return self.started + self.check.timeout + GRACE


class Observations(t.NamedTuple):
    """What checks found, and what some of them keep for the next run, both by check id."""

    findings: dict[str, list[Finding]]
    memories: dict[str, Memory]


def run_all(checks: Sequence[Check], timeout: float = 30.0, workers: int = 16) -> Observations:
    """Return what all checks found, after at most about ``timeout`` seconds."""
    with closing(WorkerPool(checks)) as pool:
        return _Scheduler(checks, timeout, workers, pool).loop()


class _Scheduler:
    """The loop that starts attempts, takes their output and ends them."""

    def __init__(
        self, checks: Sequence[Check], timeout: float, workers: int, pool: WorkerPool
    ) -> None:
        self._waiting = [PendingCheck(check) for check in checks]
        self._running: dict[int, PendingCheck] = {}  # by the ticket of the attempt
        self._done: dict[str, list[Finding]] = {}
        self._memories: dict[str, Memory] = {}
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._workers = workers
        self._pool = pool

    def loop(self) -> Observations:
        """Return the observations once every check has a verdict or all time is over."""
        while (self._waiting or self._running) and time.monotonic() < self._end:
            self._give_up_dependents()
            self._start_ready()

            for event in self._pool.listen(self._pause()):
                self._take(event)

            now = time.monotonic()
            overdue = [one for one, pending in self._running.items() if now >= pending.deadline]
            for ticket in overdue:
                self._stop(ticket)

        for ticket in list(self._running):
            self._stop(ticket)

        for pending in self._waiting:
            self._done[pending.check.id] = self._out_of_time(pending)

        return Observations(self._done, self._memories)

    def _give_up_dependents(self) -> None:
        """Conclude every waiting check whose dependency failed, and those that depend on it."""
        while doomed := [
            (pending, failed)
            for pending in self._waiting
            if (failed := self._failed_needs(pending.check))
        ]:
            for pending, failed in doomed:
                self._waiting.remove(pending)
                message = f"not judged: {', '.join(failed)} failed"
                self._done[pending.check.id] = not_judged(pending.check, message)

    def _failed_needs(self, check: Check) -> list[str]:
        return [
            need
            for need in check.depends_on
            if need in self._done and has_failed(need, self._done[need])
        ]

    def _start_ready(self) -> None:
        now = time.monotonic()
        ready = [
            pending
            for pending in self._waiting
            if pending.not_before <= now
            and all(need in self._done for need in pending.check.depends_on)
        ]

        for pending in ready[: self._workers - len(self._running)]:
            self._waiting.remove(pending)
            self._start(pending)

    def _start(self, pending: PendingCheck) -> None:
        try:
            ticket = self._pool.start(pending.check)
        except OSError as error:  # no more processes, files or memory
            reason = f"the probe could not be started: {error.strerror}"
            self._conclude(pending, [pending.check.finding("unknown", reason)])
            return

        pending.started = time.monotonic()
        self._running[ticket] = pending

    def _pause(self) -> float:
        """Return how long nothing but output can matter, s."""
        if not self._waiting and not self._running:
            return 0.0

        now = time.monotonic()
        moments = [pending.deadline for pending in self._running.values()]
        moments += [p.not_before for p in self._waiting if p.not_before > now]

        return max(0.0, min([self._end, *moments]) - now)

    def _take(self, event: WorkerEvent) -> None:
        """Keep what an attempt found; at its end that is the verdict."""
        pending = self._running[event.ticket]
        if event.output is not None:
            if "remember" in event.output:
                pending.memories.append(event.output["remember"])
            else:
                pending.findings.append(event.output)
            return

        del self._running[event.ticket]
        if pending.memories:
            self._memories[pending.check.id] = pending.memories[0]

        findings = pending.findings
        if event.problem:
            advice = KINDS[pending.check.kind].advice(event.problem)
            message = f"{event.problem}; {advice}" if advice else event.problem
            own = pending.check.finding("unknown", message)
            findings = with_own(pending.check, findings, own)

        self._conclude(pending, findings)

    def _stop(self, ticket: int) -> None:
        """End an attempt that has had all its time, or whose time is cut since all time is over."""
        pending = self._running.pop(ticket)
        self._pool.stop(ticket)
        if time.monotonic() >= pending.deadline - 2 * GRACE:
            own = timed_out(pending.check)
            self._conclude(pending, with_own(pending.check, pending.findings, own))
        else:
            self._done[pending.check.id] = self._out_of_time(pending)

    def _conclude(self, pending: PendingCheck, findings: list[Finding]) -> None:
        """Take what an attempt found as the verdict, or plan the next attempt."""
        check = pending.check
        findings = complete(check, findings)
        failed = worst(found["status"] for found in findings) in FAILED
        if failed and pending.attempt < check.attempts:
            moment = time.monotonic() + check.interval
            again = PendingCheck(check, pending.attempt + 1, moment, previous=tuple(findings))
            self._waiting.append(again)
            return

        if pending.attempt > 1:
            findings[0]["message"] += f" (attempt {pending.attempt} of {check.attempts})"

        self._done[check.id] = findings

    def _out_of_time(self, pending: PendingCheck) -> list[Finding]:
        """Return the verdict of the previous attempt, else that the check was not judged."""
        message = (
            f"not judged: the limit of {self._timeout:g} s for all checks together was reached"
        )

        return list(pending.previous) or not_judged(pending.check, message)
