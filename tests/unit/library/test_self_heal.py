# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module self_heal."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args
from ansible.module_utils.upkeep import acceptance
from ansible.module_utils.upkeep.findings import validate_partial
from ansible.module_utils.upkeep.self_heal import run as healing
from ansible.module_utils.upkeep.self_heal import systemd
from ansible.module_utils.upkeep.self_heal.systemd import State

from action_plugins.self_heal import failed
from library import self_heal

Call = Callable[..., dict[str, t.Any]]
API = {"name": "api", "unit": "shop-api.service", "stable_seconds": 0.1, "settle_seconds": 2}
DEFAULTS: t.Final = {
    name: spec["default"] for name, spec in self_heal.UNIT.items() if "default" in spec
}
UP = State("loaded", "active", "running", "success", "a")
DEAD = State("loaded", "inactive", "dead", "success", "")


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Return a function that runs the module on a host whose units are down until they are restarted."""
    down = {"shop-api.service"}
    monkeypatch.setattr(systemd, "state", lambda unit: DEAD if unit in down else UP)
    monkeypatch.setattr(systemd, "restart", lambda unit, _seconds: down.discard(unit) or "")
    monkeypatch.setattr(healing, "PAUSE", 0.02)

    def run(**args: t.Any) -> dict[str, t.Any]:
        if "inject_invocation" in PASS_VARS:  # core 2.19 always does it
            args["_ansible_inject_invocation"] = True

        with (
            patch_module_args({"state_file": str(tmp_path / "heal.json"), **args}),
            pytest.raises(SystemExit),
        ):
            self_heal.main()

        answer: dict[str, t.Any] = json.loads(capsys.readouterr().out)

        return answer

    return run


def test_first_it_changes_then_it_has_nothing_to_do(call: Call) -> None:
    would = call(units=[API], _ansible_check_mode=True)

    assert (would["changed"], would["restarted"]) == (True, ["api"])

    first = call(units=[API])

    assert (first["changed"], first["restarted"]) == (True, ["api"])
    assert first["diff"] == would["diff"] == {"before": "api: down\n", "after": "api: up\n"}
    assert [finding["check"] for finding in first["findings"]] == ["heal:api.was_down", "heal:api"]

    for finding in (*would["findings"], *first["findings"]):
        validate_partial(finding)

    again = call(units=[API])

    assert (again["changed"], again["restarted"], again["diff"]) == (
        False,
        [],
        {"before": "", "after": ""},
    )
    assert [finding["status"] for finding in again["findings"]] == ["ok"]


def test_units_of_other_components_are_left_out(call: Call) -> None:
    answer = call(units=[{**API, "component": "app"}], components=["web"])
    assert [(finding["check"], finding["status"]) for finding in answer["findings"]] == [
        ("heal:units", "info")
    ]
    assert not answer["changed"]


def test_what_failed_elsewhere_holds_back(call: Call) -> None:
    checks = [{"name": "shop", "kind": "tcp", "port": 1, "component": "postgresql"}]
    unit = {**API, "needs": ["tcp:shop"]}
    answer = call(
        units=[unit],
        checks=checks,
        components=["app"],
        failed_elsewhere={"tcp:shop": "(critical on db)"},
    )

    assert (answer["changed"], answer["findings"][0]["status"]) == (False, "warning")
    assert "tcp:shop (critical on db)" in answer["findings"][0]["message"]


def test_a_new_host_is_only_looked_at_until_somebody_accepts_it(call: Call, tmp_path: Path) -> None:
    mark = tmp_path / "accepted.json"
    ask = {"units": [API], "require_acceptance": True, "accepted_file": str(mark)}
    for damage in ("", "{", "{}"):  # the first: no mark at all
        if damage:
            mark.write_text(damage)

        held = call(**ask)

        assert (held["changed"], held["restarted"]) == (False, [])
        assert held["findings"][0]["status"] == "warning"
        assert "not restarted: nobody has accepted this host yet" in held["findings"][0]["message"]

    acceptance.write(mark, "on-call", "run-1")

    assert call(**ask)["restarted"] == ["api"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "missing required arguments: units"),
        ({"units": [{"name": "api"}]}, "missing required arguments: unit"),
        ({"units": [API, API]}, "unit 'api': there are two of that name"),
        ({"units": [{**API, "at_most": 0}]}, "at_most is at least 1"),
        ({"units": [{**API, "window_minutes": 99999}]}, "window_minutes between 1 and 10080"),
        ({"units": [{**API, "stable_seconds": 3}]}, "below settle_seconds"),
        ({"units": [{**API, "unit": " "}]}, "must not be empty"),
        ({"units": [{**API, "checks": ["http:api"]}]}, "http:api is no check of the profile"),
        (
            {"units": [API], "checks": [{"name": "r", "kind": "redis", "passwort": "p-one"}]},
            "'passwort' is not a known name",
        ),
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
        "redis:server": "(critical on db1)",
        "postgresql:shop": "(unknown on db2)",
    }


def test_the_examples_are_understood() -> None:
    for task in yaml.safe_load(self_heal.EXAMPLES):
        assert self_heal.chosen(
            [
                {**dict.fromkeys(self_heal.UNIT), **DEFAULTS, **unit}
                for unit in task["self_heal"]["units"]
            ],
            None,
        )
