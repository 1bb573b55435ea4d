# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Suites on a live host: each outcome has its finding, nothing is left, production is not used."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

HOME: t.Final = "/opt/student_success"
LISTING: t.Final = (
    f"find {HOME}/tests {HOME}/more {HOME}/app {HOME}/results -printf '%p %T@ %C@ %m %U\\n' | sort"
)
FIGURES: t.Final = {"prediction_time", "prediction_time_per_student", "page_time"}

Findings = list[dict[str, t.Any]]


def setup(**changed: t.Any) -> dict[str, t.Any]:
    """Return what the profile's suites have in common, with other values in it."""
    profile = Path(__file__).parents[3] / "inventory/group_vars/student_success/tests.yml"
    given = yaml.safe_load(profile.read_text(encoding="utf-8"))["system_test_setup"]

    return {"system_test_setup": {**given, **changed}}


def password(host: t.Any) -> str:
    """Return the password of the database."""
    text = host.file(f"{HOME}/.env.test").content_string
    return str(text.partition("student_success:")[2].partition("@")[0])


@pytest.mark.requirement(
    "R-student_success-19",
    "R-student_success-41",
    "R-student_success-57",
    "R-student_success-58",
    "R-student_success-59",
    "R-student_success-60",
    "R-student_success-61",
    "R-student_success-64",
    "R-student_success-125",
)
def test_each_suite_and_figure_gets_its_finding(findings: Findings) -> None:
    assert {item["check"]: item["status"] for item in findings} == {
        "tests:database": "ok",
        "tests:unit": "ok",
        "tests:unit.coverage": "ok",
        "tests:integration": "ok",
        "tests:performance": "ok",
        "tests:failing": "critical",
        "tests:hanging": "unknown",
        "tests:empty": "unknown",
        "tests:gone": "unknown",
        # Its record is older than a quarter.
        "performance:prediction_time": "info",
        "performance:prediction_time_per_student": "unknown",
        "performance:page_time": "warning",
    }


def test_messages_help_and_hold_no_secrets(findings: Findings, host: t.Any) -> None:
    messages = {item["check"]: item["message"] for item in findings}

    assert "test_failing::test_connects[" in messages["tests:failing"]
    assert "1 passed, 1 failed" in messages["tests:failing"]
    assert "within 4 s and was stopped with all that it had started" in messages["tests:hanging"]
    assert "-e baseline_approved_by=NAME" in messages["performance:prediction_time_per_student"]

    secret = password(host)

    assert len(secret) > 8
    assert secret not in json.dumps(findings)


def test_nothing_of_a_suite_is_left(host: t.Any) -> None:
    assert host.file("/tmp/seen-by-the-suite").exists, "the suite that hangs did run"  # noqa: S108
    assert host.check_output("find /tmp -name 'upkeep-tests-*'") == ""
    assert host.run("pgrep --exact sleep").rc == 1
    assert host.check_output(f"find {HOME} -name __pycache__ -path '*tests*'") == ""

    tables = host.check_output(
        "cd / && runuser -u postgres -- psql -d student_success_test -Atc '\\dt'"
    )

    assert tables == ""


def test_one_call_and_no_change(records: t.Any) -> None:
    for record in records("converge"):
        [role] = [role for role in record["roles"] if role["role"] == "app_tests"]
        assert list(role["remote_tasks_by_host"].values()) == [1]
        assert record["changes"] == []


@pytest.mark.requirement("R-student_success-62")
def test_all_tests_run_at_once_with_their_coverage(play: t.Any, records: t.Any) -> None:
    done = play("run_tests", "-e", "app_tests_only=all")

    assert done.returncode == 0, done.stdout

    found = {
        item["check"]: item["status"]
        for item in records("run-tests")[-1]["findings"]
        if item["check"].startswith("tests:")
    }

    assert found == {"tests:database": "ok", "tests:all": "ok", "tests:all.coverage": "ok"}


@pytest.mark.requirement("R-student_success-19", "R-student_success-63", "R-student_success-113")
def test_suites_are_run_by_name_and_none_on_production_s_database(
    play: t.Any, records: t.Any, host: t.Any
) -> None:
    before = host.check_output(LISTING)
    named = "api,integrations,integration,performance"
    wrong = {**setup(environment_file=f"{HOME}/.env.wrong"), "app_tests_only": named}
    done = play("run_tests", "-e", json.dumps(wrong))

    assert done.returncode == 0, done.stdout

    found = {
        item["check"]: item
        for item in records("run-tests")[-1]["findings"]
        if item["check"].startswith("tests:")
    }

    assert {check: item["status"] for check, item in found.items()} == {
        "tests:database": "critical",
        "tests:api": "ok",
        "tests:integrations": "ok",
        "tests:integration": "unknown",
        "tests:performance": "unknown",
    }
    assert "leads to student_success on localhost" in found["tests:database"]["message"]
    assert host.check_output(LISTING) == before


def test_a_suite_that_no_system_has_is_refused(play: t.Any) -> None:
    wrong = play("run_tests", "-e", "app_tests_only=smok")
    assert wrong.returncode != 0
    assert "no system has a test suite 'smok'" in wrong.stdout


@pytest.mark.requirement("R-student_success-19")
def test_production_s_database_is_refused_by_its_name(play: t.Any) -> None:
    production = setup(database={"name": "student_success"})

    refused = play("run_tests", "-e", json.dumps(production))

    assert refused.returncode == 2
    assert (
        "names 'student_success' as test database, but it is a production database"
        in refused.stdout
    )


@pytest.mark.requirement("R-student_success-32", "R-student_success-130")
def test_a_baseline_is_renewed_by_approval_only(
    play: t.Any, records: t.Any, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline.yml"
    old = {"value": 0.5, "unit": "ms", "approved_by": "A. Reviewer", "date": "2025-01-31"}
    kept = {"elsewhere": {"page_time": old}}
    tolerance = {"warning_percent": 900}
    baseline.write_text(
        yaml.safe_dump(
            {**kept, "student-success-1": {"page_time": {**old, "tolerance": tolerance}}}
        )
    )
    written = baseline.read_text()
    where = ("-e", json.dumps({"app_tests_baseline_file": str(baseline)}), "--diff")

    refused = play("renew_baseline", *where)

    assert refused.returncode == 2
    assert "baseline_approved_by=NAME" in refused.stdout
    assert baseline.read_text() == written

    foretold = play("renew_baseline", *where, "--check", "-e", "baseline_approved_by='B. Reviewer'")

    assert foretold.returncode == 0, foretold.stdout
    assert "value: 0.5" in foretold.stdout and "approved_by: B. Reviewer" in foretold.stdout
    assert baseline.read_text() == written

    renewed = play("renew_baseline", *where, "-e", "baseline_approved_by='B. Reviewer'")

    assert renewed.returncode == 0, renewed.stdout

    records_of = yaml.safe_load(baseline.read_text())

    assert records_of["elsewhere"] == kept["elsewhere"]
    assert set(records_of["student-success-1"]) == FIGURES

    page = records_of["student-success-1"]["page_time"]

    assert page["approved_by"] == "B. Reviewer"
    assert page["tolerance"] == tolerance
    assert page["unit"] == "ms"
    assert page["value"] != 0.5
    assert [len(record["changes"]) for record in records("renew-baseline")[-2:]] == [1, 1]

    levels = {"app_tests_only": ["performance"], "app_tests_baseline_file": str(baseline)}

    assert play("run_tests", "-e", json.dumps(levels)).returncode == 0

    found = {item["check"]: item for item in records("run-tests")[-1]["findings"]}
    compared = [item for check, item in found.items() if check.startswith("performance:")]

    assert len(compared) == len(FIGURES)
    # How it compares says more about the machine that runs these tests.
    assert all("that B. Reviewer approved on" in item["message"] for item in compared)

    baseline.write_text("student-success-1: [broken")

    assert play("renew_baseline", *where, "-e", "baseline_approved_by=B").returncode == 2
    assert baseline.read_text() == "student-success-1: [broken"
