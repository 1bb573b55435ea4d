# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs all checks at once and comes back in time whatever happens."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from ..findings import Finding, worst
from .attempt import timed_out
from .check import Check, Memory
from .kinds import KINDS
from .workers import GRACE, Attempts, Event

_FAILED: t.Final = ("critical", "unknown")


@dataclass(frozen=True, eq=False)
class Job:
    """A check without a verdict yet: waiting for its turn, or under way.

    Moments are those of time.monotonic().
    """

    check: Check
    attempt: int = 1
    not_before: float = 0.0
    started: float = 0.0
    before: tuple[Finding, ...] = ()  # what the attempt before this one found
    findings: list[Finding] = field(default_factory=list)  # what this one has found so far
    memories: list[Memory] = field(default_factory=list)  # what it wants to remember, at most one

    @property
    def deadline(self) -> float:
        return self.started + self.check.timeout + GRACE


class Outcome(t.NamedTuple):
    """What a run brought: findings of every check, and what some want to remember, both by check id."""

    findings: dict[str, list[Finding]]
    memories: dict[str, Memory]


def run(checks: Sequence[Check], timeout: float = 30.0, workers: int = 16) -> list[Finding]:
    """Return the findings of all checks, in the order of the checks, after at most about ``timeout`` seconds."""
    settled = settle(checks, timeout, workers).findings
    return [found for check in checks for found in settled[check.id]]


def settle(checks: Sequence[Check], timeout: float = 30.0, workers: int = 16) -> Outcome:
    """Return the outcome of all checks after at most about ``timeout`` seconds."""
    with closing(Attempts(checks)) as attempts:
        return _Run(checks, timeout, workers, attempts).settle()


class _Run:
    """The one loop that starts attempts, listens to them and ends them."""

    def __init__(
        self, checks: Sequence[Check], timeout: float, workers: int, attempts: Attempts
    ) -> None:
        self._waiting = [Job(check) for check in checks]
        self._running: dict[int, Job] = {}  # by the ticket of the attempt
        self._settled: dict[str, list[Finding]] = {}
        self._memories: dict[str, Memory] = {}
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._workers = workers
        self._attempts = attempts

    def settle(self) -> Outcome:
        """Return the outcome once every check is settled or all time is over."""
        while (self._waiting or self._running) and time.monotonic() < self._end:
            self._settle_hopeless()
            self._start_ready()
            for event in self._attempts.listen(self._pause()):
                self._note(event)

            now = time.monotonic()
            for ticket in [ticket for ticket, job in self._running.items() if now >= job.deadline]:
                self._stop(ticket)

        for ticket in list(self._running):
            self._stop(ticket)

        for job in self._waiting:
            self._settled[job.check.id] = self._out_of_time(job)

        return Outcome(self._settled, self._memories)

    def _settle_hopeless(self) -> None:
        """Settle every waiting job whose dependency failed, and those that depend on it in turn."""
        while hopeless := [
            (job, failed) for job in self._waiting if (failed := self._failed_needs(job.check))
        ]:
            for job, failed in hopeless:
                self._waiting.remove(job)
                self._settled[job.check.id] = not_judged(
                    job.check, f"not judged: {', '.join(failed)} failed"
                )

    def _failed_needs(self, check: Check) -> list[str]:
        return [
            need
            for need in check.depends_on
            if need in self._settled and has_failed(need, self._settled[need])
        ]

    def _start_ready(self) -> None:
        now = time.monotonic()
        ready = [
            job
            for job in self._waiting
            if job.not_before <= now and all(need in self._settled for need in job.check.depends_on)
        ]
        for job in ready[: self._workers - len(self._running)]:
            self._waiting.remove(job)
            try:
                ticket = self._attempts.start(job.check)
            except OSError as error:  # no more processes, files or memory
                why = f"the probe could not be started: {error.strerror}"
                self._conclude(job, [job.check.finding("unknown", why)])
                continue

            self._running[ticket] = replace(job, started=time.monotonic())

    def _pause(self) -> float:
        """Return how long nothing but an answer can matter, s."""
        now = time.monotonic()
        moments = [job.deadline for job in self._running.values()]
        moments += [job.not_before for job in self._waiting if job.not_before > now]
        return max(0.0, min([self._end, *moments]) - now) if self._waiting or self._running else 0.0

    def _note(self, event: Event) -> None:
        """Keep what an attempt said; at its end that is the verdict."""
        job = self._running[event.ticket]
        if event.said is not None:
            if "remember" in event.said:
                job.memories.append(event.said["remember"])
            else:
                job.findings.append(event.said)
            return

        del self._running[event.ticket]
        if job.memories:
            self._memories[job.check.id] = job.memories[0]

        own = job.check.finding("unknown", event.trouble) if event.trouble else None
        self._conclude(job, _with_own(job.check, job.findings, own) if own else job.findings)

    def _stop(self, ticket: int) -> None:
        """End an attempt that has had all its time, or whose time is cut short because all time is over."""
        job = self._running.pop(ticket)
        self._attempts.stop(ticket)
        if time.monotonic() >= job.deadline - 2 * GRACE:
            self._conclude(job, _with_own(job.check, job.findings, timed_out(job.check)))
        else:
            self._settled[job.check.id] = self._out_of_time(job)

    def _conclude(self, job: Job, findings: list[Finding]) -> None:
        """Take what an attempt found as the verdict, or plan the next attempt."""
        findings = complete(job.check, findings)
        if (
            job.attempt < job.check.attempts
            and worst(found["status"] for found in findings) in _FAILED
        ):
            moment = time.monotonic() + job.check.interval
            self._waiting.append(Job(job.check, job.attempt + 1, moment, before=tuple(findings)))
            return

        if job.attempt > 1:
            findings[0]["message"] += f" (attempt {job.attempt} of {job.check.attempts})"

        self._settled[job.check.id] = findings

    def _out_of_time(self, job: Job) -> list[Finding]:
        """Return the verdict on a check that could not have its time: the one before, else that nobody knows."""
        message = (
            f"not judged: the limit of {self._timeout:g} s for all checks together was reached"
        )
        return list(job.before) or not_judged(job.check, message)


def has_failed(check_id: str, findings: Iterable[Finding]) -> bool:
    """Return whether what depends on this check cannot be judged.

    A slow answer alone does not count.
    """
    statuses = {found["check"]: found["status"] for found in findings}
    return statuses.get(check_id, worst(statuses.values())) in _FAILED


def not_judged(check: Check, message: str) -> list[Finding]:
    """Return all rows of a check that was not carried out: what an earlier look of the run saw holds no more."""
    due = [name for name in KINDS[check.kind].names(check) if name != check.id]
    return [check.named(name, "unknown", message) for name in (check.id, *due)]


def complete(check: Check, findings: list[Finding]) -> list[Finding]:
    """Return the findings with a row for all that was due, so that no older verdict seems to hold still."""
    seen = {found["check"] for found in findings}
    due = [name for name in KINDS[check.kind].names(check) if name not in seen]

    return findings + [
        check.named(name, "unknown", f"not judged: {check.id} did not get that far") for name in due
    ]


def _with_own(check: Check, findings: list[Finding], own: Finding) -> list[Finding]:
    """Return the findings with the check's own one in front, unless it came before the attempt went wrong."""
    return findings if any(found["check"] == check.id for found in findings) else [own, *findings]
