# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that carries nothing yet.

What is missing is named, what can be installed is, and no task ends in a traceback.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

Record = dict[str, t.Any]
Records = t.Callable[[str], list[Record]]
Play = t.Callable[..., t.Any]

#: The runs of the scenario before these tests.
CHECK, RUN, AGAIN = 0, 1, 2


def changed(record: Record) -> list[tuple[str, str]]:
    return [(change["host"], change["task"]) for change in record["changes"]]


def by_check(findings: t.Iterable[Record], area: str) -> dict[str, Record]:
    return {found["check"]: found for found in findings if found["area"] == area}


@pytest.fixture(scope="module")
def weekly(play: Play, records: Records) -> Record:
    """Run the shipped weekly playbook once on the bare host, with its whole profile."""
    play("weekly")
    return records("weekly")[-1]


def no_traceback_in(run: Path) -> None:
    for path in run.iterdir():
        assert "Traceback" not in path.read_text(encoding="utf-8"), path


def test_the_host_is_bare(host: t.Any) -> None:
    assert not host.user("fairedge").exists

    installed = host.check_output("dpkg-query --show --showformat='${Package} '").split()

    assert {
        "postgresql",
        "redis-server",
        "nginx",
        "cron",
        "python3-apt",
        "python3-psycopg2",
    }.isdisjoint(installed)


def test_check_mode_predicted_the_installation(records: Records) -> None:
    check, run, again = records("converge")[: AGAIN + 1]
    assert (check["check_mode"], run["check_mode"]) == (True, False)
    assert changed(check) == changed(run)
    assert any(task.endswith("Install logrotate") for _, task in changed(run))
    assert changed(again) == []


def test_the_package_was_really_installed_and_works(host: t.Any) -> None:
    assert host.package("logrotate").is_installed
    assert host.run("logrotate -d /etc/logrotate.d/upkeep-fairedge").rc == 0


def test_preflight_names_what_is_missing(weekly: Record) -> None:
    seen = by_check(weekly["findings"], "preflight")
    for name in ("psycopg2", "redis", "celery"):
        found = seen[f"python_module:{name}"]
        assert (found["status"], f"python3-{name}" in found["message"]) == ("unknown", True), found

    for path in ("/opt/fairedge", "/var/log/fairedge"):
        assert seen[f"path:{path}"]["status"] == "critical"

    assert seen["host:rights"]["status"] == seen["host:python"]["status"] == "ok"


def test_nothing_of_the_system_is_called_fine(weekly: Record) -> None:
    seen = by_check(weekly["findings"], "health_check")
    services = ("unit:", "http:", "postgresql:", "redis:", "celery:")
    found = {check: one["status"] for check, one in seen.items() if check.startswith(services)}
    assert len(found) > 10
    assert set(found.values()) <= {"critical", "unknown"}, found


def test_the_weekly_run_ends_in_findings_and_changes_nothing(weekly: Record) -> None:
    assert weekly["failed_tasks"] == []
    assert weekly["changes"] == []
    gate = by_check(weekly["findings"], "gate")["gate:change"]
    assert gate["status"] == "critical"


@pytest.mark.usefixtures("weekly")
def test_no_run_left_a_traceback(runs: t.Callable[[str], list[Path]]) -> None:
    for run in (*runs("converge"), *runs("weekly")):
        no_traceback_in(run)


def test_a_job_says_which_user_it_lacks(play: Play, records: Records) -> None:
    done = play("converge", "--tags", "no_user")
    assert done.returncode == 2
    assert "There is no user postgres on fairedge-1. Install PostgreSQL" in done.stdout
    told = json.dumps(records("converge")[-1]["failed_tasks"])
    assert "There is no user postgres" in told
