# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the outcome of a suite to findings: one for its tests, one for its coverage."""

from __future__ import annotations

import typing as t

from ..base.text import list_some
from ..findings import Finding, Limits, Subject
from .printed import printable
from .settings import Suite
from .supervisor import SuiteOutcome

#: Names of failed tests, and characters of each and of what a suite printed, that are shown.
NAMES: t.Final = 3
NAME: t.Final = 120
PRINTED: t.Final = 200


def subject(suite: Suite) -> Subject:
    """Return what the finding on a suite is about."""
    return Subject(f"tests:{suite.name}", suite.requirements)


def missing(suite: Suite, path: str) -> Finding:
    """Return the finding for a suite of which a path does not exist."""
    message = (
        f"'{path}' does not exist, so nothing was tested. Deploy the tests or fix the profile."
    )

    return subject(suite).finding("unknown", message)


def not_run(suite: Suite, reason: str) -> Finding:
    """Return the finding for a suite that was not started."""
    return subject(suite).finding("unknown", f"Not run: {reason}.")


def suite_finding(suite: Suite, outcome: SuiteOutcome, secrets: t.Collection[str]) -> Finding:
    """Return what a suite found; only its report counts, and the exit code must agree with it."""
    report = outcome.report
    if report is None or not trusted(outcome):
        return subject(suite).finding("unknown", _no_result(suite, outcome, secrets))

    counts, after = _counts(outcome), _after(outcome)
    seen = {"observed": counts, "expected": "all pass"}
    if report.failed or report.broken:
        names = [printable(name, secrets, NAME) for name in report.names]
        names += ["?"] * (report.failed + report.broken - len(names))
        failed = list_some(names, NAMES)
        return subject(suite).finding(
            "critical", f"Tests fail: {failed} ({counts}){after}.", **seen
        )

    return subject(suite).finding("ok", f"{counts} in {outcome.seconds:.1f} s{after}.", **seen)


def coverage_finding(suite: Suite, outcome: SuiteOutcome) -> Finding | None:
    """Return whether the tests ran through enough of the code; None where no limit is set."""
    coverage = suite.coverage
    if not coverage:
        return None

    about = Subject(f"tests:{suite.name}", coverage.requirements or suite.requirements)
    limits = Limits(warning=coverage.minimum, side="below")
    if outcome.coverage is None or not trusted(outcome):
        reason = outcome.coverage_problem or "the suite gave no report that can be trusted"
        message = f"Not measured: {reason}. Is pytest-cov (package python3-pytest-cov) installed?"
        return about.finding(
            "unknown",
            message,
            aspect="coverage",
            expected=limits.text,
            limits=limits.numbers,
            unit="%",
        )

    share = round(outcome.coverage, 1)

    return about.measured(
        share,
        limits,
        f"The tests run through {share:g} % of {', '.join(coverage.source)}",
        "write tests for what is new",
        aspect="coverage",
        unit="%",
        status=limits.judge(outcome.coverage),
    )


def trusted(outcome: SuiteOutcome) -> bool:
    """Return whether the report is whole, holds tests that ran, and agrees with the exit code."""
    report = outcome.report
    if outcome.ended != "itself" or report is None or report.tests == report.skipped:
        return False

    return outcome.code == 0 or report.failed + report.broken > 0


def _counts(outcome: SuiteOutcome) -> str:
    report = outcome.report
    if report is None:
        return ""

    counts = {
        "passed": report.passed,
        "failed": report.failed,
        "broken": report.broken,
        "skipped": report.skipped,
    }
    named = (f"{count} {word}" for word, count in counts.items() if count or word == "passed")

    return ", ".join(named)


def _no_result(suite: Suite, outcome: SuiteOutcome, secrets: t.Collection[str]) -> str:
    """Return why a suite has no result that can be trusted."""
    last_line = printable(outcome.tail, secrets, PRINTED)
    printed = f" Its last line of output: {last_line}" if last_line else ""
    after = _after(outcome)
    if outcome.ended in ("not_started", "lost"):
        return f"Not run: {printable(outcome.why, secrets, PRINTED)}."
    if outcome.ended == "time":
        stopped = "was stopped with all that it had started"
        return f"It did not end within {suite.seconds} s and {stopped}{after}.{printed}"
    if outcome.ended == "space":
        return f"It filled its scratch folder and was stopped{after}.{printed}"

    return f"{_why_not_trusted(outcome, secrets)}{after}.{printed}"


def _why_not_trusted(outcome: SuiteOutcome, secrets: t.Collection[str]) -> str:
    """Return, without a full stop, why the report of a suite that ended does not count."""
    ending = f"signal {-outcome.code}" if outcome.code < 0 else f"exit code {outcome.code}"
    report = outcome.report
    if report is None:
        return f"It ended with {ending}, and {printable(outcome.problem, secrets, PRINTED)}"
    if report.tests == 0:
        return f"It holds no tests (it ended with {ending}), so nothing was tested"
    if report.tests == report.skipped:
        return f"All its {report.tests} tests were skipped, so nothing was tested"

    return f"Its report has {_counts(outcome)}, but it ended with {ending}, so neither counts"


def _after(outcome: SuiteOutcome) -> str:
    """Return what else there is to know of a suite that has ended."""
    notes = ""
    if outcome.others:
        notes += f"; {outcome.others} processes that it left were ended"
    if outcome.running:
        notes += f"; {outcome.running} processes cannot be ended"
    if outcome.remains:
        notes += f"; '{outcome.remains}' cannot be removed"

    return notes
