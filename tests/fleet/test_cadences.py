# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every cadence in turn on one fleet: checks only look, jobs run once, fine things stay.

Needs a running fleet (``python -m demo up``).
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo import engine, fleet
from tests.fleet.runs import Play, Record, alarms, changed, checklists
from tools import PROJECT, profiles

MAINTAINED = set(fleet.load().hosts)
#: The most remote tasks of one host in a weekly run that finds nothing to do; docs/architecture.md
#: has the budget.
MOST_TASKS = 19


def jobs(cadence: str) -> set[str]:
    """Return the jobs that any system has in a cadence."""
    return {job for system in profiles.systems(PROJECT) for job in jobs_of(system, cadence)}


def jobs_of(system: str, cadence: str) -> list[str]:
    """Return the jobs that a system has in a cadence."""
    found: list[str] = profiles.load(PROJECT, system)["system_jobs"][cadence]
    return found


def test_a_weekly_run_stays_within_its_budget(clean_run: Record) -> None:
    assert set(clean_run["hosts"]) - {"localhost"} == MAINTAINED
    tasks = {name: host["remote_tasks"] for name, host in clean_run["hosts"].items()}
    assert {name: count for name, count in tasks.items() if count > MOST_TASKS} == {}


@pytest.mark.parametrize(
    ("roles", "most"),
    [(("redis_tune", "cache_maintenance", "task_queue", "log_rotation"), 5), (("backup",), 3)],
)
def test_roles_with_nothing_to_do_start_few_modules(
    clean_run: Record, roles: tuple[str, ...], most: int
) -> None:
    started: Counter[str] = Counter()
    for role in clean_run["roles"]:
        if role["role"] in roles:
            started.update(role["remote_tasks_by_host"])

    assert max(started.values()) <= most, started


@pytest.mark.parametrize("cadence", ["quarter_hourly", "hourly"])
def test_a_look_changes_nothing_and_takes_no_lock(play: Play, cadence: str) -> None:
    record = play(cadence)

    # Nothing is down, so the cadence that heals at once has nothing to heal.
    # The run itself reports that it has a report.
    areas = {finding["area"] for finding in record["findings"]} - {"run"}

    assert areas == {"health_check"} | (jobs(cadence) - {"self_heal"})
    assert changed(record) == set()
    assert alarms(record) == {}


@pytest.mark.requirement(
    "R-hyperopt-15", "R-fairedge-52", "R-fairedge-53", "R-fairedge-54", "R-fairedge-55"
)
def test_only_systems_with_a_job_of_the_day_get_it_and_once(
    running: fleet.Fleet, play: Play
) -> None:
    databases = {"fairedge-1": "fairedge_prod", "hyperopt-db": "hyperopt"}
    # Autovacuum would do the job of the day when it comes first.
    plant = (
        "CREATE TABLE of_the_day WITH (autovacuum_enabled = false) AS "
        "SELECT generate_series(1, 5000) AS day"
    )

    def sql(text: str) -> None:
        for host, database in databases.items():
            argv = ("runuser", "-u", "postgres", "--", "psql", "-qX", "-d", database, "-c", text)
            engine.podman("exec", "--workdir=/", running.container(host), *argv)

    sql(plant)

    try:
        # All systems once, since their reviews of the day are asked for by no other run of these
        # tests.
        first, second = play("daily"), play("daily", "--limit", "fairedge")
    finally:
        sql("DROP TABLE of_the_day")

    assert {host for host, _ in changed(first)} == {"fairedge-1"}
    assert changed(second) == set()
    assert {f["system"] for f in first["findings"] if f["area"] == "db_maintenance"} == {"fairedge"}
    with_job = {
        name for name in profiles.systems(PROJECT) if "log_review" in jobs_of(name, "daily")
    }
    assert {f["system"] for f in first["findings"] if f["area"] == "log_review"} == with_job
    assert jobs("daily") <= {finding["area"] for finding in first["findings"]}
    assert checklists(first) == dict.fromkeys(
        [("hyperopt", "daily"), ("racing", "daily"), ("student_success", "daily")], "ok"
    )

    told = {requirement for finding in first["findings"] for requirement in finding["requirements"]}

    assert told >= {
        "R-hyperopt-15",
        "R-fairedge-52",
        "R-fairedge-53",
        "R-fairedge-54",
        "R-fairedge-55",
    }
    assert alarms(first) == {}


def test_a_weekly_run_covers_what_the_checklists_of_the_guides_have(clean_run: Record) -> None:
    assert checklists(clean_run) == dict.fromkeys(
        [("hyperopt", "weekly"), ("racing", "weekly")], "ok"
    )


def test_of_two_weekly_runs_at_once_one_waits_or_names_who_has_the_lock(play: Play) -> None:
    arguments = ("--limit", "racing", "-e", "lock_wait_minutes=10")
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = [pool.submit(play, "weekly", *arguments) for _ in range(2)]
        records = [run.result() for run in runs]

    locks = [finding for record in records for finding in record["findings"] if is_lock(finding)]
    held_back = [finding for finding in locks if finding["status"] == "critical"]
    ids = {record["run_id"] for record in records}

    assert [changed(record) for record in records] == [set(), set()]
    assert [record["outcome"] for record in records].count("ok") == 2 - len(held_back)
    assert len(held_back) <= 1, "one of them has the lock"
    assert all(any(run in finding["message"] for run in ids) for finding in held_back)


def is_lock(finding: Record) -> bool:
    """Return whether a finding is about the lock of the system."""
    return bool(finding["check"] == "lock:system")


def test_a_second_monthly_run_changes_nothing(play: Play) -> None:
    first = play("monthly")
    cleared: dict[str, str] = {
        f["host"]: f["status"] for f in first["findings"] if f["check"] == "gate:change"
    }

    assert cleared == dict.fromkeys(MAINTAINED, "ok")
    assert jobs("monthly") <= {finding["area"] for finding in first["findings"]}
    assert alarms(first) == {}
    # Its log is rotated monthly only. The others had their jobs from the weekly run, so that this
    # is a second one.
    assert {host for host, _ in changed(first)} <= {"racing-1"}

    second = play("monthly", "--limit", "racing")

    assert alarms(second) == {}
    assert changed(second) == set()


def test_a_quarterly_run_reviews_and_changes_nothing_where_nothing_is_due(play: Play) -> None:
    record = play("quarterly")
    assert jobs("quarterly") <= {finding["area"] for finding in record["findings"]}
    assert alarms(record) == {}
    assert changed(record) == set()
