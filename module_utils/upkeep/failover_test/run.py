# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call on a host: look how long ago tests passed, or test."""

from __future__ import annotations

import time
import typing as t

from ..base import state_file
from ..base.alerts import about_alerts
from ..base.state_file import StateFileError
from ..findings import Finding, Limits
from .settings import FailoverService, FailoverSettings
from .testing import FailoverOutcome, NotTestedError, require_both, stop_and_watch

_VERSION: t.Final = 1
_DAY: t.Final = 86400.0

Clock = t.Callable[[], float]


def run(settings: FailoverSettings, check_mode: bool, clock: Clock = time.time) -> dict[str, t.Any]:
    """Return the module's answer."""
    answer: dict[str, t.Any] = {"changed": False, "findings": [], "done": True, "steps": []}
    for service in settings.services:
        if settings.state == "looked":
            answer["findings"].append(_age(settings, service, clock()))
        elif check_mode:
            foretold, testable = _foretold(service)
            answer["findings"].append(foretold)
            answer["changed"] |= testable
            answer["done"] &= testable
            answer["steps"] += _steps(service) if testable else []
        else:
            found, stopped, passed = _tested(settings, service, clock)
            answer["findings"] += found
            answer["changed"] |= stopped
            answer["done"] &= passed

    return answer


def _foretold(service: FailoverService) -> tuple[Finding, bool]:
    """Return what check mode says, and whether the test could be made now."""
    try:
        require_both(service)
    except NotTestedError as error:
        return service.subject.finding("critical", f"it could not be tested: {error}"), False

    message = f"{service.unit} would be stopped for {service.take_over_seconds:g} s."

    return service.subject.finding("info", message), True


def _steps(service: FailoverService) -> list[str]:
    return [
        f"ask {', '.join((service.address, *service.others))}",
        f"arm the timer that starts {service.unit}",
        f"stop {service.unit} for {service.take_over_seconds:g} s while a client asks on",
        f"start {service.unit} and wait until it answers",
    ]


def _tested(
    settings: FailoverSettings, service: FailoverService, clock: Clock
) -> tuple[list[Finding], bool, bool]:
    """Return the findings of a test, whether the unit was stopped, whether it passed."""
    try:
        outcome = stop_and_watch(service)
    except NotTestedError as error:
        message = f"it was not tested: {error}"
        return [service.subject.finding("critical", message)], False, False

    found = [_judged(service, outcome, settings.silenced_until), _lost(service, outcome)]
    passed = found[0]["status"] == "ok"
    if passed:
        try:
            _note(settings, service, clock())
        except StateFileError as error:
            found.append(service.subject.finding("warning", f"{error}", aspect="age"))

    return found, True, passed


def _judged(service: FailoverService, outcome: FailoverOutcome, silenced_until: str) -> Finding:
    if outcome.back:
        message = (
            f"A person must step in: {service.unit} was started again and does not answer:"
            f" {outcome.back}"
        )
        return service.subject.finding("critical", message, aspect="")
    if outcome.came_back:
        message = (
            f"{service.unit} answered again while it was stopped, so this shows nothing: find what"
            " starts it (a timer, another tool, a second process at its address); it serves"
        )
        return service.subject.finding(
            "critical", message, observed="itself", expected=", ".join(service.others)
        )
    if outcome.seconds is None:
        message = (
            f"while {service.unit} was stopped for {service.take_over_seconds:g} s, none of"
            f" {', '.join(service.others)} answered; it serves again"
        )
        return service.subject.finding(
            "critical", message, observed="none", expected=f"at most {service.take_over_seconds:g}"
        )

    limits = Limits(critical=service.take_over_seconds)
    message = (
        f"{outcome.answered_by} took over {outcome.seconds:.1f} s after {service.unit} was stopped;"
        f" {outcome.lost} of {outcome.requests} requests were lost. It serves again after"
        f" {outcome.back_seconds:.1f} s. {about_alerts(silenced_until)}"
    )

    return service.subject.finding(
        limits.judge(outcome.seconds),
        message,
        observed=round(outcome.seconds, 2),
        expected=limits.text,
        unit="s",
        limits=limits.numbers,
    )


def _lost(service: FailoverService, outcome: FailoverOutcome) -> Finding:
    message = f"{outcome.lost} of {outcome.requests} requests got no answer from any of them."

    return service.subject.finding(
        "info", message, aspect="lost", observed=outcome.lost, unit="requests"
    )


def _age(settings: FailoverSettings, service: FailoverService, now: float) -> Finding:
    try:
        kept = (state_file.load(settings.state_file, _VERSION) or {}).get(service.name)
    except StateFileError as error:
        return service.subject.finding("unknown", str(error), aspect="age")
    if not isinstance(kept, int | float):
        message = (
            "No failover test has passed on this host yet: playbooks/test_failover.yml makes one."
        )
        return service.subject.finding("info", message, aspect="age")

    days = max(now - kept, 0.0) / _DAY
    limits = Limits(warning=service.promised_days)
    message = f"The last failover test passed {days:.0f} days ago."

    return service.subject.finding(
        limits.judge(days),
        message,
        aspect="age",
        observed=round(days, 1),
        expected=limits.text,
        unit="days",
        limits=limits.numbers,
    )


def _note(settings: FailoverSettings, service: FailoverService, now: float) -> None:
    kept = state_file.load(settings.state_file, _VERSION) or {}
    state_file.save(settings.state_file, _VERSION, {**kept, service.name: now})
