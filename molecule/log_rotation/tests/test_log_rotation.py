# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation on a live host: the service goes on logging, a full disk loses nothing."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import pytest

CONFIG = "/etc/logrotate.d/upkeep-fairedge"
#: A small file system of its own.
FULL = "/dev/shm/full"  # noqa: S108 - in a container that only this test uses
#: The runs of the scenario before these tests make their own: check, converge, idempotence.
CHECK, RUN, AGAIN = 0, 1, 2


def statuses(findings: list[dict[str, t.Any]]) -> dict[str, str]:
    return {
        finding["check"]: finding["status"]
        for finding in findings
        if finding["area"] == "log_rotation"
    }


def changed(record: dict[str, t.Any]) -> list[tuple[str, str]]:
    return [(change["host"], change["task"]) for change in record["changes"]]


def findings_of(run: Path) -> list[dict[str, t.Any]]:
    events = [
        json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return [event["finding"] for event in events if event["event"] == "finding"]


def test_check_mode_predicted_exactly_what_the_run_changed(records: t.Any) -> None:
    check, run = records("converge")[CHECK], records("converge")[RUN]
    assert (check["check_mode"], run["check_mode"]) == (True, False)
    assert changed(check) == changed(run)
    assert len(changed(run)) == 1


@pytest.mark.requirement("R-fairedge-27")
def test_every_log_is_looked_after(runs: t.Any) -> None:
    seen = statuses(findings_of(runs("converge")[AGAIN]))
    assert {"log:api", "log:celery", "log:quiet", "logrotate:timer", "logrotate:duplicates"} <= set(
        seen
    )
    assert set(seen.values()) == {"ok"}, seen


def test_logrotate_takes_the_configuration_as_it_stands(host: t.Any) -> None:
    file = host.file(CONFIG)
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)
    said = host.run("logrotate -d -s /var/lib/logrotate/status /etc/logrotate.conf").stderr
    assert "error:" not in said
    assert "considering log /var/log/fairedge/api.log" in said


@pytest.mark.requirement("R-fairedge-27")
def test_the_service_goes_on_in_the_new_file(host: t.Any) -> None:
    [segment] = host.run("find /var/log/fairedge -name 'api.log-*'").stdout.split()

    assert int(host.check_output(f"grep -c planted {segment}")) == 20000

    size = host.file("/var/log/fairedge/api.log").size
    host.check_output("curl -fsS -o /dev/null http://127.0.0.1/api/opportunities")
    give_up = time.monotonic() + 10
    while host.file("/var/log/fairedge/api.log").size == size:
        assert time.monotonic() < give_up, "the service still writes to the old file"

    assert "planted" not in host.file("/var/log/fairedge/api.log").content_string
    assert host.file("/var/log/fairedge/api.log").user == "fairedge"


def test_a_file_past_its_time_is_gone_although_the_log_is_quiet(host: t.Any) -> None:
    assert host.check_output("ls /var/log/quiet") == "app.log"


def test_a_working_host_costs_two_calls(records: t.Any) -> None:
    role = next(
        role for role in records("converge")[AGAIN]["roles"] if role["role"] == "log_rotation"
    )
    assert list(role["remote_tasks_by_host"].values()) == [2]


def test_a_full_disk_is_critical_and_loses_nothing(host: t.Any, play: t.Any, runs: t.Any) -> None:
    host.check_output(f"install -d -o fairedge -g fairedge {FULL}")
    host.check_output(
        f"yes line | head -c 100000 > {FULL}/app.log && chown fairedge: {FULL}/app.log"
    )
    host.run("head -c 1G /dev/zero > /dev/shm/filler")
    before = host.check_output(f"cat {FULL}/app.log* | wc -l")
    log = {
        "name": "full",
        "paths": [f"{FULL}/app.log"],
        "cadence": "daily",
        "keep_days": 30,
        "max_size": "1k",
    }
    logs = [{**log, "owner": "fairedge", "group": "fairedge", "compress_after_days": 0}]

    try:
        play("converge", "-e", json.dumps({"log_rotation_logs": logs}))
        assert statuses(findings_of(runs("converge")[-1]))["log:full"] == "critical"
        assert host.check_output(f"cat {FULL}/app.log* | wc -l") == before
    finally:
        host.check_output(f"rm -rf /dev/shm/filler {FULL}")
        play("converge")


#: What the service user can leave in its own folder.
PLANT = r"""
set -e
cd /var/log/quiet
echo line > linked.log && ln linked.log linked.bak
echo line > "$(printf 'odd\nconsidering log x.log')"
mkfifo pipe.log
head -c 5000 /dev/zero > good.log
ln -s /var/log/victim sub
"""
VICTIM = "/var/log/victim/app.log-20200101-030000.gz"


def test_what_a_service_user_plants_costs_its_own_log_only(
    host: t.Any, play: t.Any, runs: t.Any
) -> None:
    """Another user's rotated file behind a link stays, and every other log is rotated."""
    host.check_output(f"mkdir -p /var/log/victim && touch /var/log/victim/app.log {VICTIM}")
    host.run_expect([0], "su -s /bin/sh fairedge -c %s", PLANT)
    log = {"cadence": "daily", "keep_days": 30, "owner": "fairedge", "group": "fairedge"}
    logs = [
        {**log, "name": "quiet", "paths": ["/var/log/quiet/*.log"], "max_size": "1k"},
        {**log, "name": "deep", "paths": ["/var/log/quiet/sub/app.log"]},
        {**log, "name": "api", "paths": ["/var/log/fairedge/api.log"], "max_size": "1"},
    ]

    try:
        play("converge", "-e", json.dumps({"log_rotation_logs": logs}))
        seen = statuses(findings_of(runs("converge")[-1]))

        assert seen["log:quiet"] == "unknown"
        assert seen["log:api"] == "ok"
        assert host.file(VICTIM).exists
        assert host.run("ls /var/log/quiet/good.log-*").rc == 0
        assert host.run("ls /var/log/fairedge/api.log-*").rc == 0
    finally:
        host.check_output("rm -rf /var/log/victim && cd /var/log/quiet && rm -rf -- *")
        host.check_output("su -s /bin/sh fairedge -c 'touch /var/log/quiet/app.log'")
        play("converge")


def test_a_hostile_path_is_refused_and_the_configuration_stays(host: t.Any, play: t.Any) -> None:
    before = host.file(CONFIG).content_string
    log = {
        "name": "bad",
        "paths": ["/var/log/x.log\n/etc/shadow"],
        "cadence": "daily",
        "keep_days": 30,
    }
    done = play("converge", "-e", json.dumps({"log_rotation_logs": [log]}))

    assert done.returncode != 0
    assert "it must match" in " ".join((done.stdout + done.stderr).split())
    assert host.file(CONFIG).content_string == before


def test_it_can_be_taken_away(host: t.Any, play: t.Any, record: t.Any) -> None:
    for expected in (1, 0):
        play("converge", "-e", "log_rotation_state=absent")
        assert len(changed(record("converge"))) == expected
    assert not host.file(CONFIG).exists
    assert host.file("/var/log/fairedge/api.log").exists
