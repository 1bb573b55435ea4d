# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run of all suites of a host: check which databases they would use, run them one by one."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..base import isolated
from ..base.deadline import Deadline
from ..base.isolated import IsolatedError
from ..findings import Finding, finding
from . import baselines, command, databases, findings
from .errors import RefusedError, TestsError
from .junit import MeasuredFigure
from .printed import secrets_of
from .settings import Figure, Settings, Setup, Suite, parse
from .supervisor import SuiteJob, SuiteOutcome, run_suite

DATABASE: t.Final = "tests:database"


@dataclass(frozen=True)
class _TestDatabase:
    """The environment of the test database, and why there is none ('' when there is one)."""

    environment: Mapping[str, str]
    refused: str = ""


def run(values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``findings``, ``suites`` (what each did) and ``record`` (the new baseline).

    Raises TestsError.
    """
    settings = parse(values)
    answer: dict[str, t.Any] = {"changed": False, "findings": [], "suites": [], "record": {}}
    if not settings.suites:
        return answer

    account = account_of(settings.setup)
    database, found = _test_database(settings)
    outcomes = _run_all(settings, account, database)
    for suite, outcome, seen in outcomes:
        found += seen
        answer["suites"] += [_facts(suite, outcome)] if outcome else []

    measured = _measured(outcome for _, outcome, _ in outcomes if outcome)
    if settings.recording:
        _require_success(found)
        answer["record"] = _new_records(settings, measured)
    else:
        found += [_compared(figure, settings, measured) for figure in settings.figures]

    return {**answer, "findings": found}


def account_of(setup: Setup) -> pwd.struct_passwd:
    """Return the account that suites run as.

    Raises TestsError for root and for one that this process cannot become.
    """
    if not setup.user or setup.folder == Path("/"):
        raise TestsError("setup: user and folder of the application are missing")

    try:
        account = isolated.account_of(setup.user)
    except IsolatedError as error:
        raise TestsError(f"setup.user: {error}") from error

    if account.pw_uid == 0:
        raise TestsError("setup.user: tests do not run as root; name the service user")
    if os.geteuid() not in (0, account.pw_uid):
        raise TestsError(f"setup.user: only root can run tests as '{setup.user}'; use become")

    return account


def _test_database(settings: Settings) -> tuple[_TestDatabase, list[Finding]]:
    """Return the test database and the finding on it, none where no suite needs one."""
    users = [suite for suite in settings.suites if suite.database]
    if not users:
        return _TestDatabase({}), []

    requirements = {one for suite in users for one in suite.requirements}
    try:
        environment = databases.environment_of(settings.setup)
    except RefusedError as error:
        message = f"Tests with '{settings.setup.environment_file}' were refused: {error}."
        found = finding(DATABASE, "critical", message, requirements=requirements)
        return _TestDatabase({}, f"the test database was refused, see {DATABASE}"), [found]

    message = "The tests have a database of their own, apart from production's."

    return _TestDatabase(environment), [finding(DATABASE, "ok", message, requirements=requirements)]


def _run_all(
    settings: Settings, account: pwd.struct_passwd, database: _TestDatabase
) -> list[tuple[Suite, SuiteOutcome | None, list[Finding]]]:
    """Run the suites; return for each its outcome, None when it was not started, and findings."""
    own = {key: value for suite in settings.suites for key, value in suite.environment.items()}
    secrets = secrets_of(dict(database.environment)) | secrets_of(own)
    deadline = Deadline(settings.setup.seconds)
    outcomes: list[tuple[Suite, SuiteOutcome | None, list[Finding]]] = []

    for suite in settings.suites:
        if reason := _obstacle(settings.setup, suite, database, deadline):
            outcomes.append((suite, None, [reason]))
            continue

        limited = replace(suite, seconds=int(min(suite.seconds, deadline.left)))
        outcome = _run_one(settings.setup, limited, account, database)
        seen = [findings.suite_finding(limited, outcome, secrets)]
        coverage = findings.coverage_finding(suite, outcome)
        outcomes.append((suite, outcome, seen + ([coverage] if coverage else [])))

    return outcomes


def _obstacle(
    setup: Setup, suite: Suite, database: _TestDatabase, deadline: Deadline
) -> Finding | None:
    """Return the finding on a suite that cannot be started, None when it can."""
    gone = next((path for path in suite.paths if not (setup.folder / path).exists()), None)
    if gone:
        return findings.missing(suite, str(setup.folder / gone))
    if suite.database and database.refused:
        return findings.not_run(suite, database.refused)
    if deadline.left <= 1:
        return findings.not_run(suite, f"the {setup.seconds} s for all suites are used up")

    return None


def _run_one(
    setup: Setup, suite: Suite, account: pwd.struct_passwd, database: _TestDatabase
) -> SuiteOutcome:
    given = database.environment if suite.database else {}

    def build(scratch: Path) -> tuple[list[str], dict[str, str]]:
        environment = command.environment(setup, suite, account, scratch, given)
        return command.argv(setup, suite, scratch), environment

    return run_suite(
        SuiteJob(
            account=account,
            build=build,
            chdir=setup.chdir,
            seconds=suite.seconds,
            memory_mb=setup.memory_mb,
            space_mb=setup.space_mb,
            coverage=suite.coverage is not None,
            figures=tuple(figure.name for figure in suite.figures),
        )
    )


def _measured(outcomes: Iterable[SuiteOutcome]) -> dict[str, MeasuredFigure]:
    """Return the figures of all suites whose reports can be trusted."""
    measured: dict[str, MeasuredFigure] = {}
    for outcome in outcomes:
        if outcome.report and findings.trusted(outcome):
            measured |= outcome.report.figures

    return measured


def _compared(
    figure: Figure, settings: Settings, measured: Mapping[str, MeasuredFigure]
) -> Finding:
    days = settings.setup.baseline_max_age_days

    return baselines.figure_finding(
        figure,
        measured.get(figure.name),
        settings.baseline,
        settings.baseline_problem,
        dt.timedelta(days=days) if days else None,
    )


def _new_records(settings: Settings, measured: Mapping[str, MeasuredFigure]) -> dict[str, t.Any]:
    today = dt.datetime.now(dt.UTC).date()

    return baselines.new_records(
        settings.figures, measured, settings.baseline, settings.approved_by, today
    )


def _require_success(found: Sequence[Finding]) -> None:
    bad = next((one for one in found if one["status"] != "ok"), None)
    if bad:
        raise TestsError(
            f"nothing is recorded, {bad['check']} is {bad['status']}: {bad['message']}"
        )


def _facts(suite: Suite, outcome: SuiteOutcome) -> dict[str, t.Any]:
    report = outcome.report
    figures = report.figures if report else {}

    return {
        "name": suite.name,
        "ended": outcome.ended,
        "exit_code": outcome.code,
        "seconds": round(outcome.seconds, 2),
        "tests": report.tests if report else None,
        "passed": report.passed if report else None,
        "failed": report.failed if report else None,
        "broken": report.broken if report else None,
        "skipped": report.skipped if report else None,
        "coverage": outcome.coverage,
        "figures": {name: value.value for name, value in figures.items()},
    }
