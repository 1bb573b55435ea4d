# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for all suites of a host: check where they would lead, carry them out one by one, say what was seen."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import time
import typing as t
from dataclasses import replace
from functools import partial

from ..base import isolated
from ..base.isolated import ApartError
from ..findings import Finding, finding
from . import baselines, command, databases
from . import findings as judging
from .errors import RefusedError, TestsError
from .junit import Measured
from .redaction import secrets_of
from .settings import Setup, Suite, setup_of, suites_of
from .supervisor import Job, Outcome, carry_out

DATABASE: t.Final = "tests:database"


def run(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return ``findings``, ``suites`` (what each did) and ``record`` (the new baseline).

    Raises TestsError.
    """
    setup, suites = setup_of(params), suites_of(params)
    recording = params["state"] == "recorded"
    if recording and not params["approved_by"].strip():
        raise TestsError("approved_by: say who approved the new baseline; nobody else may renew it")

    if recording:
        suites = [suite for suite in suites if suite.figures]

    if not suites:
        return {"changed": False, "findings": [], "suites": [], "record": {}}

    account = account_of(setup.user)
    given, refused, findings = _environment(setup, suites)
    secrets = secrets_of(
        {**given, **{key: value for suite in suites for key, value in suite.environment.items()}}
    )
    measured: dict[str, Measured] = {}
    facts = []
    give_up = time.monotonic() + setup.seconds

    for suite in suites:
        outcome, seen = _one(setup, suite, account, given, refused, give_up, secrets)
        findings += seen
        if outcome:
            facts.append(_facts(suite, outcome))
            measured.update(
                outcome.report.figures if outcome.report and judging.trusted(outcome) else {}
            )

    if recording:
        _require_success(findings)
    else:
        findings += _compared(suites, measured, params)

    figures = [figure for suite in suites for figure in suite.figures]
    today = dt.datetime.now(dt.UTC).date()
    approved_by = params["approved_by"].strip()
    record = (
        baselines.new_records(figures, measured, params["baseline"], approved_by, today)
        if recording
        else {}
    )

    return {"changed": False, "findings": findings, "suites": facts, "record": record}


def account_of(user: str) -> pwd.struct_passwd:
    """Return the account that suites run as.

    Raises TestsError for root and for one that we cannot become.
    """
    try:
        account = isolated.account_of(user)
    except ApartError as error:
        raise TestsError(f"user: {error}") from error

    if account.pw_uid == 0:
        raise TestsError("user: tests do not run as root; name the service user")
    if os.geteuid() not in (0, account.pw_uid):
        raise TestsError(f"user: only root can run tests as '{user}'; let the play become root")

    return account


def _environment(
    setup: Setup, suites: t.Sequence[Suite]
) -> tuple[dict[str, str], str, list[Finding]]:
    """Return the environment of the test database, why there is none, and what to say about it."""
    asking = [suite for suite in suites if suite.database]
    if not asking:
        return {}, "", []

    requirements = {number for suite in asking for number in suite.requirements}
    say = partial(finding, DATABASE, requirements=requirements)

    try:
        given = databases.environment_of(setup)
    except RefusedError as error:
        message = f"Refused to run tests with '{setup.environment_file}': {error}."
        return {}, f"the test database was refused, see {DATABASE}", [say("critical", message)]

    return given, "", [say("ok", "Tests have a database of their own, apart from production's.")]


def _one(
    setup: Setup,
    suite: Suite,
    account: pwd.struct_passwd,
    given: dict[str, str],
    refused: str,
    give_up: float,
    secrets: t.Collection[str],
) -> tuple[Outcome | None, list[Finding]]:
    """Carry out one suite.

    Returns what came of it, None when it was not started, and its findings.
    """
    gone = next((path for path in suite.paths if not (setup.folder / path).exists()), None)
    left = give_up - time.monotonic()
    if gone:
        return None, [judging.missing(suite, str(setup.folder / gone))]
    if suite.database and refused:
        return None, [judging.not_run(suite, refused)]
    if left <= 1:
        return None, [judging.not_run(suite, f"the {setup.seconds} s for all suites are used up")]

    environment = given if suite.database else {}

    def build(scratch: t.Any) -> tuple[list[str], dict[str, str]]:
        return command.argv(setup, suite, scratch), command.environment(
            setup, suite, account, scratch, environment
        )

    seconds = int(min(suite.seconds, left))
    job = Job(
        account,
        build,
        setup.chdir,
        seconds,
        setup.memory_mb,
        setup.space_mb,
        suite.coverage is not None,
    )
    outcome = carry_out(job)
    coverage = judging.coverage_finding(suite, outcome)
    found = judging.suite_finding(replace(suite, seconds=seconds), outcome, secrets)

    return outcome, [found, *([coverage] if coverage else [])]


def _require_success(findings: t.Iterable[Finding]) -> None:
    bad = next((found for found in findings if found["status"] != "ok"), None)
    if bad:
        raise TestsError(
            f"nothing is recorded, {bad['check']} is {bad['status']}: {bad['message']}"
        )


def _compared(
    suites: t.Iterable[Suite], measured: t.Mapping[str, Measured], params: t.Mapping[str, t.Any]
) -> list[Finding]:
    days = params["baseline_max_age_days"]
    max_age = dt.timedelta(days=days) if days else None
    return [
        baselines.figure_finding(
            replace_requirements(figure, suite),
            measured.get(figure.name),
            params["baseline"],
            params["baseline_problem"],
            max_age,
        )
        for suite in suites
        for figure in suite.figures
    ]


def replace_requirements(figure: t.Any, suite: Suite) -> t.Any:
    """Return a figure with the requirements of its suite where it has none of its own."""
    return figure if figure.requirements else figure._replace(requirements=suite.requirements)


def _facts(suite: Suite, outcome: Outcome) -> dict[str, t.Any]:
    report = outcome.report
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
        "figures": {name: value.value for name, value in report.figures.items()} if report else {},
    }
