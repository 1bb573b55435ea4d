# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the outcome of a suite means: one finding for its tests, one for its coverage."""

from __future__ import annotations

import typing as t

from ..findings import Finding, finding
from .redaction import shown
from .settings import Suite
from .supervisor import Outcome

#: Names of failed tests, and characters of each and of what a suite printed, that are shown.
NAMES: t.Final = 3
NAME: t.Final = 120
PRINTED: t.Final = 200


def missing(suite: Suite, path: str) -> Finding:
    """Return the finding for a suite of which a path is not there."""
    message = (
        f"'{path}' is not there, so nothing was tested. Deploy the tests, or mend the profile."
    )
    return finding(f"tests:{suite.name}", "unknown", message, requirements=suite.requirements)


def not_run(suite: Suite, why: str) -> Finding:
    """Return the finding for a suite that was not started."""
    return finding(
        f"tests:{suite.name}", "unknown", f"Not run: {why}.", requirements=suite.requirements
    )


def suite_finding(suite: Suite, outcome: Outcome, secrets: t.Collection[str]) -> Finding:
    """Return what a suite found. Only its report counts; the exit code must not contradict it."""
    check = f"tests:{suite.name}"
    report = outcome.report
    if report is None or not trusted(outcome):
        return finding(
            check, "unknown", _unseen(suite, outcome, secrets), requirements=suite.requirements
        )

    counts = _counts(outcome)
    facts: dict[str, t.Any] = {
        "observed": counts,
        "expected": "all pass",
        "requirements": suite.requirements,
    }
    after = _after(outcome)
    if report.failed or report.broken:
        names = [shown(name, secrets, NAME) for name in report.names[:NAMES]]
        more = report.failed + report.broken - len(names)
        told = ", ".join(names) + (f" and {more} more" if more > 0 else "")
        return finding(check, "critical", f"Tests fail: {told} ({counts}){after}.", **facts)

    return finding(check, "ok", f"{counts} in {outcome.seconds:.1f} s{after}.", **facts)


def coverage_finding(suite: Suite, outcome: Outcome) -> Finding | None:
    """Return whether the tests ran through enough of the code; None when nobody asked."""
    if not suite.coverage:
        return None

    check = f"tests:{suite.name}.coverage"
    wanted, requirements = suite.coverage.minimum, suite.coverage.requirements or suite.requirements
    expected = f"at least {wanted:g}"
    if outcome.coverage is None or not trusted(outcome):
        why = outcome.coverage_problem or "the suite gave no report that can be trusted"
        message = f"Not measured: {why}. Is pytest-cov (package python3-pytest-cov) there?"
        return finding(
            check, "unknown", message, expected=expected, unit="%", requirements=requirements
        )

    share = round(outcome.coverage, 1)
    enough = outcome.coverage >= wanted
    message = f"The tests run through {share:g} % of {', '.join(suite.coverage.source)}"

    return finding(
        check,
        "ok" if enough else "warning",
        f"{message}." if enough else f"{message}; write tests for what is new.",
        observed=share,
        expected=expected,
        unit="%",
        requirements=requirements,
    )


def trusted(outcome: Outcome) -> bool:
    """Tell whether the report says what the suite found: it is whole, holds tests that ran, and fits the exit code."""
    report = outcome.report
    if outcome.ended != "itself" or report is None or report.tests == report.skipped:
        return False
    return outcome.code == 0 or report.failed + report.broken > 0


def _counts(outcome: Outcome) -> str:
    report = outcome.report

    assert report is not None  # noqa: S101 - callers have looked

    counts = {
        "passed": report.passed,
        "failed": report.failed,
        "broken": report.broken,
        "skipped": report.skipped,
    }

    return ", ".join(
        f"{count} {word}" for word, count in counts.items() if count or word == "passed"
    )


def _unseen(suite: Suite, outcome: Outcome, secrets: t.Collection[str]) -> str:
    printed = shown(outcome.tail, secrets, PRINTED)
    said = f" It said: {printed}" if printed else ""
    after = _after(outcome)
    if outcome.ended in ("not_started", "lost"):
        return f"Not run: {shown(outcome.why, secrets, PRINTED)}."
    if outcome.ended == "time":
        return f"It did not end within {suite.seconds} s and was stopped with all that it had started{after}.{said}"
    if outcome.ended == "space":
        return f"It filled its scratch folder and was stopped{after}.{said}"

    ending = f"signal {-outcome.code}" if outcome.code < 0 else f"exit code {outcome.code}"
    if outcome.report is None:
        return (
            f"It ended with {ending}, and {shown(outcome.problem, secrets, PRINTED)}{after}.{said}"
        )
    if outcome.report.tests == 0:
        return f"It holds no tests (it ended with {ending}), so nothing was tested{after}.{said}"
    if outcome.report.tests == outcome.report.skipped:
        return f"All its {outcome.report.tests} tests were skipped, so nothing was tested{after}."

    return f"Its report says {_counts(outcome)}, but it ended with {ending}, so nobody knows{after}.{said}"


def _after(outcome: Outcome) -> str:
    told = ""
    if outcome.others:
        told += f"; {outcome.others} processes that it left were ended"

    if outcome.running:
        told += f"; {outcome.running} processes cannot be ended"

    if outcome.remains:
        told += f"; '{outcome.remains}' cannot be removed"

    return told
