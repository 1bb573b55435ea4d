# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was planted is found, what is well is ok, and a check leaves nothing behind."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

Finding = dict[str, t.Any]


@pytest.fixture(scope="session")
def found(findings: list[Finding]) -> dict[str, Finding]:
    """Return the findings by check."""
    by_check = {finding["check"]: finding for finding in findings}
    assert len(by_check) == len(findings), "each check has one row"
    assert {finding["area"] for finding in findings} == {"health_check"}
    return by_check


@pytest.mark.requirement(
    "R-fairedge-04", "R-fairedge-05", "R-fairedge-07", "R-fairedge-51", "R-fairedge-66"
)
@pytest.mark.parametrize(
    ("check", "status", "words"),
    [
        # Redis is stopped: its own checks say so, and so do the services that need it.
        ("unit:redis", "critical", "inactive"),
        ("redis:server", "critical", "refused"),
        ("http:health", "critical", "services.redis"),
        ("http:health.latency", "unknown", "not judged"),
        ("http:health-redis", "critical", ""),
        ("celery:workers", "critical", "broker 127.0.0.1:6379"),
        ("celery:workers.queue_celery", "unknown", "not judged"),
        ("http:hung", "critical", "no complete answer within 1 s"),
        ("http:hung.latency", "unknown", "not judged"),
        ("tcp:follows", "unknown", "not judged: http:hung failed"),
        ("unit:masked", "critical", "masked"),
        ("unit:absent", "critical", "does not exist"),
        ("redis:no-password", "critical", "asks for a password"),
        ("redis:password", "ok", ""),
        ("redis:password.used_memory", "warning", ""),
        ("redis:password.role", "ok", ""),
        ("redis:password.keys", "ok", "db1: "),  # what the worker keeps
        ("redis:password.hit_ratio", "info", "not enough lookups to judge"),
        ("redis:use.hit_ratio", "unknown", "not judged"),
        ("redis:looked", "ok", ""),
        ("redis:looked.used_memory", "ok", ""),
        ("redis:forbidden", "ok", ""),
        ("redis:forbidden.used_memory", "unknown", "may not run the probe's commands"),
        ("celery:asked", "ok", "1 of at least 1 Celery workers answer"),
        ("celery:asked.queue_celery", "ok", "0 tasks wait"),
        ("replication:alone", "info", "no replica copies this server"),
        ("replication:expected", "critical", "0 replicas copy this server"),
        ("metrics:none", "unknown", "has no http_requests_total"),
        ("postgresql:no-such-database", "critical", "does not exist"),
        ("postgresql:no-such-user", "unknown", "there is no user 'no-such-user' on this host"),
        ("postgresql:writes", "critical", "read-only transaction"),
        ("postgresql:slow", "critical", ""),
        ("postgresql:superuser", "unknown", "the query was not sent"),
        ("celery:nobody", "critical", "0 of at least 1 Celery workers answer"),
        ("listener:taken", "critical", "belongs to hung.service instead of nginx.service"),
        ("listener:free", "critical", "nothing listens on port 4999"),
        ("listener:idle-taken", "critical", "see which socket unit it serves"),
        (
            "listener:shared-taken",
            "critical",
            "belongs to hung.service, neighbour.service instead of nginx.service",
        ),
        ("process:copies", "critical", "1 processes of hung.service"),
        ("process:ended", "critical", "0 processes of /run/ended.pid"),
        ("process:another", "critical", "0 processes of /run/lines.pid"),
        ("unit_memory:hung", "warning", "MB of memory"),
        ("unit_memory:alias", "warning", "MB of memory"),
        ("unix_socket:gone", "critical", "does not exist"),
        ("dns:nowhere", "critical", ""),
        ("file:export.age", "critical", "hours ago"),
        ("file:import", "critical", "does not exist"),
        # The idempotence run is the second that may count.
        ("tcp:counted", "warning", "failed 2 of 3 times in a row"),
        ("tcp:mild", "warning", "refused"),
    ],
)
def test_what_was_planted_is_found(
    found: dict[str, Finding], check: str, status: str, words: str
) -> None:
    assert (found[check]["status"], words in found[check]["message"]) == (status, True), found[
        check
    ]


@pytest.mark.requirement("R-fairedge-06", "R-fairedge-14", "R-fairedge-15", "R-fairedge-17")
@pytest.mark.parametrize(
    "check",
    [
        "unit:nginx",
        "unit:postgresql",
        "postgresql:fairedge_prod",
        "postgresql:opportunities",
        "http:health-database",
        "memory:memory",
        "filesystem:/",
        "filesystem:/.inodes",
        "listener:hung",
        "listener:api",
        "listener:web",
        "process:hung",
        "unix_socket:bus",
        "file:export",
        "log_line:started",
        "top:biggest.cpu",
        "top:biggest.memory",
        "health:state",
    ],
)
def test_what_is_well_is_ok(found: dict[str, Finding], check: str) -> None:
    assert found[check]["status"] == "ok", found[check]


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("listener:idle", "init.scope"),
        ("listener:woken", "init.scope, woken.service listens on port 4715"),
        ("listener:shared", "hung.service, neighbour.service listens on port 4713"),
        ("listener:shared-too", "hung.service, neighbour.service listens on port 4713"),
        ("listener:alias", "hung.service listens on port 4711"),
        ("listener:short", "hung.service listens on port 4711"),
        ("process:alias", "1 processes"),
        ("process:short", "1 processes"),
        ("process:lines", "1 processes"),
        ("unit:alias", "hanging is active (running)"),
        ("unit:reloads", "reloads.service is reloading (reload)"),
    ],
)
def test_what_only_looks_odd_to_systemd_is_ok(
    found: dict[str, Finding], check: str, words: str
) -> None:
    assert found[check]["status"] == "ok", found[check]
    assert words in found[check]["message"]


def test_nobody_is_told_to_end_systemd(found: dict[str, Finding]) -> None:
    advised = [f["message"] for f in found.values() if "end that" in f["message"]]

    assert [message for message in advised if "init.scope" in message] == []


def test_checks_of_other_components_are_left_out(found: dict[str, Finding]) -> None:
    assert "tcp:elsewhere" not in found


def test_checks_of_other_cadences_are_left_out(found: dict[str, Finding]) -> None:
    assert "tcp:later" not in found
    assert "http:opportunities" not in found, "a weekly check of the profile"


def test_the_state_is_small_and_whole(host: t.Any) -> None:
    kept = json.loads(host.file("/var/lib/upkeep/health.json").content_string)
    assert kept["streaks"]["tcp:counted"] == [False, 2]
    assert "cpu:average" in kept["memories"]
    assert host.check_output("ls -A /var/lib/upkeep") == "health.json"


def test_no_secret_is_in_the_record(runs: Callable[[str], list[Path]]) -> None:
    for run in runs("converge"):
        for secret in ("open-sesame", "ask-only", "see-only"):
            assert secret not in (run / "events.jsonl").read_text()


def test_looking_starts_one_interpreter(runs: Callable[[str], list[Path]]) -> None:
    lines = (runs("converge")[-1] / "events.jsonl").read_text().splitlines()
    tasks = [event for event in map(json.loads, lines) if event["event"] == "task"]
    assert sum(event["remote"] for event in tasks) == 1


def test_nothing_is_left_in_the_broker(host: t.Any) -> None:
    keys = host.run("redis-cli -p 6390 -a open-sesame --no-auth-warning keys '*'")
    assert keys.stdout.strip() == ""


def test_asking_a_worker_leaves_only_its_own_bindings(host: t.Any) -> None:
    keys = host.check_output(
        "redis-cli -p 6390 -a open-sesame --no-auth-warning -n 1 keys '*'"
    ).split()

    assert {key for key in keys if "upkeep" in key or "reply" in key} == set()
    assert "_kombu.binding.celery.pidbox" in keys, "the worker has used this broker"


def test_a_user_with_few_rights_is_refused_nothing_but_what_it_lacks(host: t.Any) -> None:
    refused = host.check_output("redis-cli -p 6390 -a open-sesame --no-auth-warning --json acl log")

    lacked = {entry["object"] for entry in json.loads(refused) if entry["username"] == "ask"}

    # A newer client library of Celery tells its name as well, which Redis 7.0 does not know.
    assert lacked - {"client|setinfo"} == {"info"}
    assert [entry for entry in json.loads(refused) if entry["username"] == "look"] == []


def test_looking_changes_nothing(host: t.Any) -> None:
    counted = host.run(
        "su postgres -c \"psql -tA fairedge_prod -c 'SELECT count(*) FROM opportunities'\""
    )
    assert int(counted.stdout) >= 10


def test_our_own_requests_are_in_no_log(host: t.Any) -> None:
    log = host.file("/var/log/fairedge/api.log")

    assert '"/health"' not in log.content_string
    # Another visitor's request is logged, so the silence above means something.
    assert (
        host.run("curl --fail --silent --max-time 10 http://127.0.0.1:8000/health/database").rc == 0
    )
    assert "/health/database" in log.content_string


def test_no_secret_is_in_the_system_log(host: t.Any) -> None:
    log = host.run("journalctl --no-pager -t ansible-health_probe").stdout
    assert "checks=NOT_LOGGING_PARAMETER" in log
    assert "open-sesame" not in log
