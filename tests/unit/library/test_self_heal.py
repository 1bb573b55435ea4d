# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module self_heal."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.upkeep import acceptance
from ansible.module_utils.upkeep.self_heal import run as healing
from ansible.module_utils.upkeep.self_heal.settings import parse

from action_plugins.self_heal import failed
from library import self_heal
from tests.unit.library.module_calls import Answer, Call, caller

API: t.Final = {
    "name": "api",
    "unit": "shop-api.service",
    "stable_seconds": 0.1,
    "settle_seconds": 5,
}
MISSPELLED: t.Final = {"name": "r", "kind": "redis", "passwort": "p-one"}
#: A systemd whose unit is down until it is restarted: a file says so.
SYSTEMCTL: t.Final = """#!/bin/sh
case "$3" in
restart) touch "$0.up";;
show)
    echo LoadState=loaded
    if [ -e "$0.up" ]; then printf 'ActiveState=active\\nSubState=running\\nInvocationID=a\\n'
    else printf 'ActiveState=inactive\\nSubState=dead\\nInvocationID=\\n'; fi
    echo Result=success;;
esac
"""


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Return a function that runs the module on a host whose unit is down until it is restarted."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(healing, "PAUSE", 0.02)
    answer = caller(self_heal, capsys)

    def run(**args: t.Any) -> Answer:
        if "inject_invocation" in PASS_VARS:  # core 2.19 always does it
            args["_ansible_inject_invocation"] = True

        files = {"state_file": "heal.json", "health_state_file": "health.json"}
        return answer(**{key: str(tmp_path / name) for key, name in files.items()}, **args)

    return run


def test_first_it_changes_then_it_has_nothing_to_do(call: Call) -> None:
    would = call(units=[API], _ansible_check_mode=True)

    assert would["changed"]
    assert would["restarted"] == ["api"]

    first = call(units=[API])

    assert first["changed"]
    assert first["restarted"] == ["api"]
    assert first["diff"] == would["diff"] == {"before": "api: down\n", "after": "api: up\n"}
    assert [finding["check"] for finding in first["findings"]] == ["heal:api.was_down", "heal:api"]

    again = call(units=[API])

    assert not again["changed"]
    assert again["restarted"] == []
    assert again["diff"] == {"before": "", "after": ""}
    assert [finding["status"] for finding in again["findings"]] == ["ok"]


def test_units_of_other_components_are_left_out(call: Call) -> None:
    answer = call(units=[{**API, "component": "app"}], components=["web"])

    assert [(finding["check"], finding["status"]) for finding in answer["findings"]] == [
        ("heal:units", "info")
    ]
    assert not answer["changed"]


@pytest.mark.parametrize(
    ("check", "status"),
    [
        ({"missing": "unknown"}, "unknown"),
        ({"missing": "critical", "severity": "warning"}, "ok"),
        ({"missing": "critical", "fall": 3}, "ok"),
    ],
    ids=["could not be made", "only a warning", "failed once of three times"],
)
def test_a_service_that_runs_is_left_alone_unless_its_check_is_critical(
    call: Call, tmp_path: Path, check: dict[str, t.Any], status: str
) -> None:
    call(units=[API])  # brings it up
    path = tmp_path / "app.log"
    path.write_text("started\n")
    log = {"name": "log", "kind": "log_line", "path": str(path), "pattern": "ready"}

    answer = call(units=[{**API, "checks": ["log_line:log"]}], checks=[{**log, **check}])

    assert not answer["changed"]
    assert [finding["status"] for finding in answer["findings"]] == [status]


def test_what_failed_elsewhere_holds_back(call: Call) -> None:
    checks = [{"name": "shop", "kind": "tcp", "port": 1, "component": "postgresql"}]
    unit = {**API, "needs": ["tcp:shop"]}
    answer = call(
        units=[unit],
        checks=checks,
        components=["app"],
        failed_elsewhere={"tcp:shop": {"status": "critical", "host": "db"}},
    )

    assert not answer["changed"]
    assert answer["findings"][0]["status"] == "warning"
    assert "tcp:shop (critical on db)" in answer["findings"][0]["message"]


def test_a_new_host_is_only_looked_at_until_somebody_accepts_it(call: Call, tmp_path: Path) -> None:
    mark = tmp_path / "accepted.json"
    ask = {"units": [API], "require_acceptance": True, "accepted_file": str(mark)}
    for damage in ("", "{", "{}"):  # the first: no mark at all
        if damage:
            mark.write_text(damage)

        held = call(**ask)

        assert not held["changed"]
        assert held["restarted"] == []
        assert held["findings"][0]["status"] == "warning"
        assert "not restarted: nobody has accepted this host yet" in held["findings"][0]["message"]

    acceptance.write(mark, "on-call", "run-1")

    assert call(**ask)["restarted"] == ["api"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "missing required arguments: units"),
        ({"units": [{"name": "api"}]}, "missing required arguments: unit"),
        ({"units": [API, API]}, "units 'api' is there more than once"),
        ({"units": [{**API, "checks": ["http:api"]}]}, "'http:api' is not a check of the profile"),
        ({"units": [API], "checks": [MISSPELLED]}, "passwort"),
    ],
)
def test_bad_input_fails_with_the_name_of_the_unit(
    call: Call, args: dict[str, t.Any], words: str
) -> None:
    answer = call(**args)

    assert answer["failed"]
    assert words in answer["msg"]
    assert '"p-one"' not in json.dumps(answer)


def test_what_failed_on_other_hosts_is_handed_over() -> None:
    def seen(check: str, status: str, area: str = "health_check") -> dict[str, t.Any]:
        return {"check": check, "status": status, "area": area}

    findings = {
        "db1": [
            seen("redis:server", "critical"),
            seen("unit:redis", "ok"),
            seen("lock:system", "critical", "lock"),
        ],
        "db2": [seen("redis:server", "unknown"), seen("postgresql:shop", "unknown")],
    }

    assert failed(findings) == {
        "redis:server": {"status": "critical", "host": "db1"},
        "postgresql:shop": {"status": "unknown", "host": "db2"},
    }


def test_the_examples_are_understood() -> None:
    for task in yaml.safe_load(self_heal.EXAMPLES):
        assert parse(task["self_heal"]).units


def test_a_common_word_as_password_leaves_the_findings_as_they_are(call: Call) -> None:
    checks = [{"name": "r", "kind": "redis", "port": 1, "password": "api", "timeout": 5}]

    answer = call(units=[API], checks=checks)

    assert answer["findings"][0]["check"].startswith("heal:api")
    assert answer["restarted"] == ["api"]
