# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters of the stages."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from tools import PROJECT


def load() -> ModuleType:
    """Return the plugin file as a module; Ansible does not import it as a package either."""
    spec = importlib.util.spec_from_file_location(
        "upkeep_filters", PROJECT / "filter_plugins" / "upkeep.py"
    )

    assert spec
    assert spec.loader

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


filters = load().FilterModule().filters()


def test_every_filter_is_used_by_a_stage_or_a_role() -> None:
    places = ("playbooks/**/*.yml", "inventory/group_vars/all/*.yml", "roles/*/tasks/*.yml")
    files = [path for place in places for path in PROJECT.glob(place)]
    text = "\n".join(path.read_text() for path in files)

    assert {name for name in filters if f"| {name}" not in text} == set()


def test_entries_are_for_hosts_that_carry_the_component() -> None:
    assert filters["on_component"](("a", "b"), "models", ["systems", "models"]) == ["a", "b"]
    assert filters["on_component"](("a", "b"), "models", ["systems"]) == []


def test_entries_without_a_component_are_for_every_host() -> None:
    entries = [{"name": "a", "component": "app"}, {"name": "b", "component": "web"}, {"name": "c"}]
    kept = filters["for_components"](entries, ["systems", "app"])

    assert [entry["name"] for entry in kept] == ["a", "c"]


def test_all_hosts_make_a_set_of_one_name_when_one_of_them_is_due() -> None:
    looks = [
        {"due": False, "next_set": "20261127T020000Z"},
        {"due": True, "next_set": "20261127T015959Z"},
        {"due": False, "next_set": ""},
    ]

    assert filters["set_to_make"](looks) == "20261127T020000Z"
    assert filters["set_to_make"](looks[:1]) == ""
    assert filters["set_to_make"]([]) == ""


def test_only_rehearsals_that_are_due_are_held() -> None:
    looks = [{"due": False}, {"skipped": True}, {"due": True, "set": ""}]

    assert filters["rehearsals_due"](looks) == looks[2:]


def test_registered_leaves_out_hosts_without_an_answer() -> None:
    hostvars = {"a": {"answer": {"x": 1}}, "b": {}, "c": {"answer": None}}

    assert filters["registered"](hostvars, "answer", ["a", "b", "c", "gone"]) == [{"x": 1}]


@pytest.mark.parametrize("state", ["taken", "renewed", "taken_over", "free"])
def test_a_system_whose_lock_one_host_took_is_ours(state: str) -> None:
    assert filters["holds_lock"]([{"skipped": True}, {"lock_state": state}])


@pytest.mark.parametrize("answers", [[], [{}], [{"lock_state": "held"}], [{"failed": True}]])
def test_without_a_lock_that_was_taken_nothing_is_ours(answers: list[dict[str, Any]]) -> None:
    assert not filters["holds_lock"](answers)


def test_restarted_units_are_those_of_all_hosts() -> None:
    answers = [{"restarted": ["a.service"]}, {"skipped": True}, {"restarted": ["b.service"]}]

    assert filters["restarted_units"](answers) == ["a.service", "b.service"]


def test_only_critical_checks_count() -> None:
    findings = [
        {"check": "unit:a", "status": "critical"},
        {"check": "unit:b", "status": "unknown"},
        {"check": "unit:c", "status": "ok"},
    ]

    assert filters["critical_checks"]([{"findings": findings}, {}]) == ["unit:a"]


def test_a_unit_is_seen_by_the_checks_it_names_and_by_those_that_look_at_it() -> None:
    units = [{"unit": "api.service", "checks": ["http:api.status"]}, {"unit": "db.service"}]
    checks = [
        {"kind": "unit", "name": "database", "unit": "db.service"},
        {"kind": "unit", "name": "other", "unit": "other.service"},
        {"kind": "http", "name": "api"},
    ]

    assert filters["checks_of_units"](units, checks) == ["http:api.status", "unit:database"]


def test_what_goes_host_by_host_stops_at_the_first_failure() -> None:
    done, built, failed = {"ready": True, "served": True}, {"ready": True}, {}
    hosts = ["a", "b", "c"]

    def before(host: str, *states: dict[str, bool]) -> list[str]:
        hostvars = dict(zip(hosts, states, strict=True))
        found: list[str] = filters["failed_before"](hostvars, hosts, host, "ready", "served")
        return found

    assert before("a", built, built, built) == []
    assert before("b", done, built, built) == []
    assert before("b", built, built, built) == ["a"]
    assert before("a", built, built, failed) == ["c"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"upkeep_recorded": [{"message": "first"}, {"message": "last"}], "msg": "no"}, "last"),
        ({"upkeep_recorded": [], "msg": "the module was killed"}, "the module was killed"),
        ({}, "it ended without an answer"),
    ],
    ids=["recorded", "failed", "nothing"],
)
def test_a_person_is_told_the_last_that_is_known(answer: dict[str, Any], message: str) -> None:
    assert load().last_message(answer) == message
    assert load().last_message({}, "nobody asked") == "nobody asked"
