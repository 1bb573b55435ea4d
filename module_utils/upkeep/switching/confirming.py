# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch what serves after a switch: our own probes decide, and the first failure ends it."""

from __future__ import annotations

import statistics
import time
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..base.deadline import Deadline
from ..findings import Finding, Subject
from .asking import ProbeAnswer, ask, problem_of
from .log_tail import LAST_READING, READING_SECONDS, LogTail
from .settings import Probe, Server

#: How often what serves is asked before a switch, for its latency.
BEFORE_ROUNDS: t.Final = 3


def longest_confirmation(server: Server) -> float:
    """Return how long a confirmation may last that succeeds, s: answers may come late."""
    a_round = sum(probe.timeout for probe in server.probes) + READING_SECONDS

    return server.window.seconds + server.window.needed * a_round + LAST_READING


@dataclass(frozen=True)
class Baseline:
    """What the release before answered, and its median latency by probe, s."""

    answers: Mapping[str, ProbeAnswer] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Confirmation:
    """How a switch was watched; ``problem`` is why it is not confirmed, '' when it is."""

    problem: str = ""
    rounds: int = 0
    seconds: float = 0.0
    failed: list[ProbeAnswer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Why the log was not read to its end, '' when it was.
    unread: str = ""
    traffic: int | None = None
    medians: dict[str, float] = field(default_factory=dict)


def baseline(server: Server, address: str, run_as: str = "") -> Baseline:
    """Return what serves now; nothing for probes that it does not answer."""
    answers: dict[str, ProbeAnswer] = {}
    seconds: dict[str, float] = {}
    for probe in server.probes:
        seen = [ask(probe, address, run_as)]
        if problem_of(probe, seen[0]):
            continue
        seen += [ask(probe, address, run_as) for _ in range(BEFORE_ROUNDS - 1)]
        answers[probe.name] = seen[-1]
        seconds[probe.name] = statistics.median(one.seconds for one in seen)

    return Baseline(answers, seconds)


def ask_all(
    probes: Sequence[Probe], address: str, before: Baseline, run_as: str = ""
) -> tuple[list[ProbeAnswer], str, list[ProbeAnswer]]:
    """Return the answers to all probes, what is wrong as one sentence, and the wrong ones."""
    answers, problems, failed = [], [], []
    for probe in probes:
        answer = ask(probe, address, run_as)
        answers.append(answer)
        if problem := problem_of(probe, answer, before.answers.get(probe.name)):
            problems.append(f"probe '{probe.name}': {problem}")
            failed.append(answer)

    return answers, "; ".join(problems), failed


def wait_until_ready(
    server: Server, address: str, deadline: Deadline, ended: Callable[[], str], run_as: str = ""
) -> str:
    """Return '' once all probes are answered as they must be, else why not.

    What is starting may answer that it is not well yet, as while its workers start. ``ended`` tells
    early that it will not come.
    """
    problem = "it was not asked"
    while not deadline.is_over():
        problem = next(
            (
                f"probe '{probe.name}': {wrong}"
                for probe in server.probes
                if (wrong := problem_of(probe, ask(probe, address, run_as)))
            ),
            "",
        )
        if not problem:
            return ended()
        if why := ended():
            return why
        time.sleep(min(0.1, deadline.left))

    return f"it did not answer as it must within {deadline.seconds:g} s ({problem})"


def confirm(
    server: Server,
    address: str,
    before: Baseline,
    tail: LogTail,
    ended: Callable[[], str],
    run_as: str = "",
) -> Confirmation:
    """Watch until the window is over; return early with the first problem."""
    window, seen = server.window, Confirmation()
    began = time.monotonic()
    times: dict[str, list[float]] = {probe.name: [] for probe in server.probes}

    while True:
        answers, seen.problem, seen.failed = ask_all(server.probes, address, before, run_as)
        for answer in answers:
            times[answer.probe].append(answer.seconds)
        seen.rounds += not seen.problem
        # That it ended explains why it does not answer.
        seen.problem = ended() or seen.problem or _in_log(tail, server, seen)
        seen.seconds = time.monotonic() - began
        if seen.problem or (seen.seconds >= window.seconds and seen.rounds >= window.needed):
            break
        time.sleep(min(window.interval, max(window.seconds - seen.seconds, 0.05)))

    if seen.unread and not seen.problem:
        seen.problem = _in_log(tail, server, seen, last=True)
    seen.medians = {name: statistics.median(all_) for name, all_ in times.items() if all_}
    seen.problem = seen.problem or _too_slow(server, before, seen.medians)
    seen.traffic = tail.traffic if window.traffic_pattern else None

    return seen


def about_log(subject: Subject, seen: Confirmation, units: Sequence[str]) -> list[Finding]:
    """Return the finding that nobody knows of errors in the log, where it was not read."""
    if not seen.unread:
        return []

    message = (
        f"the log was not read to its end while this was confirmed ({seen.unread}): our own probes"
        f" alone decided; look for errors of {', '.join(units)} since then"
    )

    return [subject.finding("unknown", message, aspect="log")]


def _in_log(tail: LogTail, server: Server, seen: Confirmation, *, last: bool = False) -> str:
    if last:
        tail.read(LAST_READING)
    else:
        tail.read()
    seen.unread = tail.unread
    seen.errors = tail.errors
    if tail.error_count > server.window.most_errors:
        return f"{tail.error_count} errors in the log, the first: {tail.errors[0]}"

    return ""


def _too_slow(server: Server, before: Baseline, medians: Mapping[str, float]) -> str:
    for name, seconds in medians.items():
        old = before.seconds.get(name)
        if old is None:
            continue
        limit = max(old * server.window.latency_factor, server.window.latency_floor_ms / 1000)
        if seconds > limit:
            return (
                f"probe '{name}' takes {seconds * 1000:.0f} ms, {old * 1000:.0f} ms before"
                f" (at most {limit * 1000:.0f} ms)"
            )

    return ""
