# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module health_probe."""

from __future__ import annotations

import json
import socket
import typing as t
from collections.abc import Callable

import pytest
import yaml
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args
from ansible.module_utils.upkeep.findings import validate_partial
from ansible.module_utils.upkeep.health_check.kinds import KINDS
from ansible.module_utils.upkeep.health_check.options import CHECK
from ansible.module_utils.upkeep.health_check.settings import parse_checks

from doc_fragments.health_probe import ModuleDocFragment
from library import health_probe

Call = Callable[..., dict[str, t.Any]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module and returns its answer."""

    def run(**args: t.Any) -> dict[str, t.Any]:
        if "inject_invocation" in PASS_VARS:  # core 2.19 always does it
            args["_ansible_inject_invocation"] = True  # what a person sees with -vvv

        with patch_module_args(args), pytest.raises(SystemExit):
            health_probe.main()

        answer: dict[str, t.Any] = json.loads(capsys.readouterr().out)

        return answer

    return run


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("check_mode", [False, True])
def test_findings_are_partial_findings(call: Call, closed_port: int, check_mode: bool) -> None:
    checks = [
        {"name": "m", "kind": "memory", "requirements": ["R-demo-01"]},
        {"name": "p", "kind": "tcp", "port": closed_port},
    ]
    answer = call(checks=checks, _ansible_check_mode=check_mode)

    assert not answer["changed"]
    assert answer["elapsed_ms"] > 0
    assert [finding["check"] for finding in answer["findings"]] == ["memory:m", "tcp:p"]

    for finding in answer["findings"]:
        validate_partial(finding)

    assert answer["findings"][0]["requirements"] == ["R-demo-01"]
    assert answer["findings"][1]["status"] == "critical", (
        "a dead service is a finding, not a failure"
    )


def test_a_host_without_checks_says_so(call: Call) -> None:
    checks = [{"name": "m", "kind": "memory", "component": "app"}]
    answer = call(checks=checks, components=["web"])

    assert [(finding["check"], finding["status"]) for finding in answer["findings"]] == [
        ("health:checks", "info")
    ]
    assert call(checks=[])["findings"] == answer["findings"]
    assert call(checks=checks, components=["app"])["findings"][0]["check"] == "memory:m"


def test_secrets_are_in_no_answer(call: Call, closed_port: int) -> None:
    checks = [
        {"name": "r", "kind": "redis", "port": closed_port, "password": "p-one"},
        {"name": "c", "kind": "celery", "broker": f"redis://:p-two@127.0.0.1:{closed_port}/0"},
    ]
    answer = call(checks=checks)

    assert [finding["status"] for finding in answer["findings"]] == ["critical", "critical"]
    assert "p-one" not in json.dumps(answer)
    assert "p-two" not in json.dumps(answer)
    assert "127.0.0.1" in answer["findings"][1]["message"], (
        "words that are not secret are not blotted out"
    )


def test_a_common_word_as_password_leaves_the_findings_as_they_are(
    call: Call, closed_port: int
) -> None:
    checks = [
        {
            "name": "cache",
            "kind": "redis",
            "port": closed_port,
            "password": "cache",
            "requirements": ["R-cache-01"],
        },
        {
            "name": "no",
            "kind": "http",
            "url": f"http://127.0.0.1:{closed_port}/",
            "headers": {"X-Api-Key": "http", "X-Token": "critical"},
        },
    ]

    found = call(checks=checks)["findings"]

    assert [one["check"] for one in found] == ["redis:cache", "http:no"]
    assert [one["status"] for one in found] == ["critical", "critical"]
    assert found[0]["requirements"] == ["R-cache-01"]
    assert "cache" not in found[0]["message"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"checks": [{"name": "r", "kind": "redis", "passwort": "p-one"}]},
            "checks 'r' (redis): 'passwort' is not a known name; did you mean 'password'?",
        ),
        (
            {"checks": [{"name": "r", "kind": "redis", "password": "p-one", "port": "p-one"}]},
            "checks 'r' (redis).port is '********'; it must be a whole number",
        ),
        (
            {"checks": [{"name": "r", "kind": "redis", "timeout": 9}], "timeout": 8},
            "checks 'r' (redis).timeout is 9; at most 8",
        ),
        ({"checks": [], "workers": 0}, "workers is 0; from 1 to 256"),
        ({"checks": [], "timeout": 0}, "timeout is 0; above 0"),
        ({"checks": [], "latency_factor": 0}, "latency_factor is 0; above 0"),
        ({}, "missing required arguments: checks"),
    ],
)
def test_bad_input_fails_with_the_name_of_the_check(
    call: Call, args: dict[str, t.Any], words: str
) -> None:
    answer = call(**args)
    assert answer["failed"]
    assert words in answer["msg"]
    assert '"p-one"' not in json.dumps(answer)


def test_the_page_has_every_key_of_every_kind_and_no_other() -> None:
    page = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["checks"]["suboptions"]

    assert set(page) == set(CHECK) | {key for kind in KINDS.values() for key in kind.options}
    assert page["kind"]["choices"] == sorted(KINDS)


def test_the_examples_are_understood() -> None:
    for task in yaml.safe_load(health_probe.EXAMPLES):
        assert parse_checks(task["health_probe"]["checks"])
