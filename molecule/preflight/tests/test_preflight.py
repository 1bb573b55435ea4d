# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that people kept by hand: what is found, what becomes of old jobs, what a look costs."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

OLD_JOBS = {
    "legacy:/etc/cron.d/fairedge",
    "legacy:/etc/cron.daily/fairedge-backup",
    "legacy:/etc/logrotate.d/fairedge",
    "legacy:/var/spool/cron/crontabs/root",
}
#: The runs of the scenario before these tests make their own: check, converge, idempotence.
CHECK, RUN, AGAIN = 0, 1, 2
SUFFIX = ".upkeep-adopted.disabled"


def statuses(run: Path) -> dict[str, str]:
    events = [
        json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return {
        event["finding"]["check"]: event["finding"]["status"]
        for event in events
        if event["event"] == "finding"
    }


def changed(record: dict[str, t.Any]) -> list[tuple[str, str]]:
    return [(change["host"], change["task"]) for change in record["changes"]]


def test_a_first_look_finds_what_is_wrong(runs: t.Any) -> None:
    seen = statuses(runs("converge")[CHECK])

    assert {
        check
        for check, status in seen.items()
        if check.startswith("legacy:") and status == "warning"
    } == OLD_JOBS

    expected = {
        "host:rights": "ok",
        "host:python": "ok",
        "host:clock": "ok",
        "host:accepted": "critical",
        "path:/opt/fairedge": "warning",
        "path:/opt/nowhere": "critical",
        "python_module:psycopg2": "ok",
        "python_module:nosuchdriver": "unknown",
        "unit:nginx.service": "ok",
        "unit:nosuch.service": "critical",
        "disk:/": "ok",
    }

    assert {check: seen[check] for check in expected} == expected
    assert "python_module:nosuchother" not in seen


def test_no_secret_of_an_old_job_is_written_down(runs: t.Any) -> None:
    for run in runs("converge"):
        for path in run.iterdir():
            assert b"planted-secret" not in path.read_bytes(), path


def test_check_mode_predicted_exactly_what_the_run_changed(records: t.Any) -> None:
    check, run, again = records("converge")[: AGAIN + 1]
    assert (check["check_mode"], run["check_mode"]) == (True, False)
    assert changed(check) == changed(run)
    assert len(changed(run)) == 2
    assert changed(again) == []


def test_after_adoption_and_acceptance_nothing_is_left_to_warn_of(runs: t.Any) -> None:
    seen = statuses(runs("converge")[RUN])
    assert not OLD_JOBS & set(seen)
    assert seen["host:accepted"] == "ok"


def test_adopted_jobs_are_silent_and_nothing_is_lost(host: t.Any) -> None:
    spool = host.file("/var/spool/cron/crontabs/root")

    assert spool.content_string.startswith(
        "# upkeep-adopted: 0 */6 * * * /app/scripts/warm_cache.py"
    )
    assert "\n5 5 * * * /usr/bin/true\n" in spool.content_string
    assert (spool.user, spool.group, spool.mode) == ("root", "crontab", 0o600)

    for path in (
        "/etc/cron.d/fairedge",
        "/etc/cron.daily/fairedge-backup",
        "/etc/logrotate.d/fairedge",
    ):
        assert not host.file(path).exists
        assert host.file(path + SUFFIX).exists

    assert "fairedge-backup" not in host.check_output("run-parts --test /etc/cron.daily")

    said = host.run("logrotate -d -s /var/lib/logrotate/status /etc/logrotate.conf").stderr

    assert "/var/log/fairedge" not in said


def test_the_acceptance_says_who_and_when(host: t.Any) -> None:
    accepted = json.loads(host.file("/var/lib/upkeep/accepted.json").content_string)
    assert accepted["by"] and accepted["at"].endswith("Z") and "converge" in accepted["run_id"]


@pytest.fixture
def planted(host: t.Any) -> t.Iterator[str]:
    """Put an old job back for one test."""
    path = "/etc/cron.d/again"
    host.check_output(f"printf '0 1 * * * root /app/scripts/warm_cache.py\\n' > {path}")
    yield path
    host.check_output(f"rm -f {path}")


def test_a_plain_look_costs_one_call_and_changes_nothing(
    host: t.Any, play: t.Any, runs: t.Any, record: t.Any, planted: str
) -> None:
    before = host.check_output(
        "find /etc /var/lib/upkeep /var/spool/cron -type f -printf '%p %T@ %m %U\\n' | sort"
    )
    play("converge", "-e", json.dumps({"preflight_legacy": "report", "preflight_accept": False}))

    assert (
        host.check_output(
            "find /etc /var/lib/upkeep /var/spool/cron -type f -printf '%p %T@ %m %U\\n' | sort"
        )
        == before
    )
    assert changed(record("converge")) == []
    assert statuses(runs("converge")[-1])[f"legacy:{planted}"] == "warning"

    role = next(role for role in record("converge")["roles"] if role["role"] == "preflight")

    assert list(role["remote_tasks_by_host"].values()) == [1]


def test_removal_keeps_the_original_and_a_manifest(host: t.Any, play: t.Any, planted: str) -> None:
    play("converge", "-e", json.dumps({"preflight_legacy": "remove"}))

    assert not host.file(planted).exists

    [manifest] = host.check_output("ls /var/lib/upkeep/legacy/*/manifest.json").split()
    [entry] = json.loads(host.file(manifest).content_string)

    assert (entry["path"], entry["mode"]) == (planted, "0644")

    kept = host.file(manifest.replace("manifest.json", entry["copy"])).content_string

    assert kept == "0 1 * * * root /app/scripts/warm_cache.py\n"
