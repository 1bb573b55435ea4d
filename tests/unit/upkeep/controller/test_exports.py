# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exports of several versions of the servers; exports/README.md says how these were made."""

from __future__ import annotations

import copy
import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from upkeep.controller.awx import awx_data
from upkeep.controller.drift import differences
from upkeep.controller.semaphore import semaphore_project
from upkeep.controller.settings import load_settings
from upkeep.schedule.load import Schedule
from upkeep.schedule.settings import parse_control, parse_slots

EXPORTS: t.Final = Path(__file__).parent / "exports"
SETTINGS = load_settings()
SCHEDULE = Schedule(
    parse_control({}), {"shop": parse_slots({"weekly": {"weekday": "sunday", "hour": 2}})}
)
#: The templates of the exports; a server has one for each playbook on demand.
KEPT = ("Upkeep weekly shop", "Upkeep onboard_hosts")
ALL = sorted(path.stem for path in EXPORTS.glob("*.json"))
AWX = [name for name in ALL if name.startswith("awx")]
SEMAPHORE = [name for name in ALL if name.startswith("semaphore")]
#: What is said of a server that is too old to write its schedules.
NO_SCHEDULES = (
    "the list 'schedules' is not in this export: `awx export` of AWX 15 and later writes it"
)


def kept(entries: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    return [entry for entry in entries if entry["name"] in KEPT]


def export(name: str) -> t.Any:
    return json.loads((EXPORTS / f"{name}.json").read_text(encoding="utf-8"))


def found(exported: t.Any) -> list[str]:
    """Return what differs between an export and the files for `shop`."""
    awx, semaphore = awx_data(SCHEDULE, SETTINGS), semaphore_project(SCHEDULE, SETTINGS)
    awx["controller_templates"] = kept(awx["controller_templates"])
    semaphore["templates"] = kept(semaphore["templates"])

    return [
        difference.sentence()
        for difference in differences(exported, awx, semaphore, SETTINGS.prefix)
        if difference.sentence() != NO_SCHEDULES
    ]


def template(exported: t.Any, name: str) -> t.Any:
    """Return a template of an export of either server."""
    listed = exported.get("job_templates") or exported["templates"]

    return next(entry for entry in listed if entry["name"] == name)


@pytest.mark.parametrize("name", ALL)
def test_a_server_of_any_version_that_has_the_files_differs_in_nothing(name: str):
    assert found(export(name)) == []


def test_a_server_without_schedules_in_its_export_is_told_so_once():
    said = [
        difference.sentence()
        for difference in differences(export("awx-14"), awx_data(SCHEDULE, SETTINGS), {}, "Upkeep")
        if difference.kind == "schedules"
    ]

    assert said == [NO_SCHEDULES]


def limited(exported: t.Any) -> None:
    template(exported, "Upkeep weekly shop")["limit"] = "all"


def given_variables(exported: t.Any) -> None:
    template(exported, "Upkeep weekly shop")["extra_vars"] = "---\nlock_wait_minutes: 5\n"


def simultaneous(exported: t.Any) -> None:
    template(exported, "Upkeep weekly shop")["allow_simultaneous"] = True


def without_questions(exported: t.Any) -> None:
    template(exported, "Upkeep onboard_hosts")["related"]["survey_spec"] = {}


def optional(exported: t.Any) -> None:
    spec = template(exported, "Upkeep onboard_hosts")["related"]["survey_spec"]
    spec["spec"][0]["required"] = False


def from_elsewhere(exported: t.Any) -> None:
    exported["projects"][0]["scm_url"] = "https://git.example.org/other.git"


def from_another_file(exported: t.Any) -> None:
    exported["inventory_sources"][0]["source_path"] = "inventory/demo.yml"


def injected(exported: t.Any) -> None:
    exported["credential_types"][0]["injectors"]["env"]["PATH"] = "/tmp"  # noqa: S108


def told_elsewhere(exported: t.Any) -> None:
    configuration = exported["notification_templates"][0]["notification_configuration"]
    configuration["disable_ssl_verification"] = True


@pytest.mark.parametrize("name", AWX)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (limited, "job_templates 'Upkeep weekly shop': limit is \"all\""),
        (given_variables, "job_templates 'Upkeep weekly shop': extra_vars is"),
        (simultaneous, "job_templates 'Upkeep weekly shop': allow_simultaneous is true"),
        (without_questions, "job_templates 'Upkeep onboard_hosts': survey_spec is {}"),
        (optional, "job_templates 'Upkeep onboard_hosts': survey_spec is"),
        (from_elsewhere, "projects 'Upkeep project': scm_url is"),
        (from_another_file, "inventory_sources 'Upkeep inventory source': source_path is"),
        (injected, "credential_types 'Upkeep settings type': injectors is"),
        (told_elsewhere, "notification_templates 'Upkeep hook': notification_configuration is"),
    ],
)
def test_what_somebody_changed_on_awx_is_named(
    name: str, change: Callable[[t.Any], None], words: str
):
    exported = export(name)
    change(exported)
    [sentence] = found(exported)

    assert sentence.startswith(words)


def other_arguments(exported: t.Any) -> None:
    template(exported, "Upkeep weekly shop")["arguments"] = "[]"


def other_question(exported: t.Any) -> None:
    entry = template(exported, "Upkeep onboard_hosts")
    changed = json.dumps(entry["survey_vars"]).replace("adopt", "ignore")
    entry["survey_vars"] = json.loads(changed)


def other_time(exported: t.Any) -> None:
    if "schedules" in exported:
        exported["schedules"][0]["cron_format"] = "0 3 * * 0"
    else:
        template(exported, "Upkeep weekly shop")["cron"] = "0 3 * * 0"


def other_key(exported: t.Any) -> None:
    exported["inventories"][0]["ssh_key"] = "Upkeep no key"


@pytest.mark.parametrize("name", SEMAPHORE)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_arguments, "templates 'Upkeep weekly shop': arguments is []"),
        (other_question, "templates 'Upkeep onboard_hosts': survey_vars is"),
        (other_time, "schedules 'Upkeep weekly shop start': cron_format is \"0 3 * * 0\""),
        (other_key, "inventories 'Upkeep inventory': ssh_key is"),
    ],
)
def test_what_somebody_changed_on_semaphore_is_named(
    name: str, change: Callable[[t.Any], None], words: str
):
    exported = export(name)
    change(exported)
    [sentence] = found(exported)

    assert sentence.startswith(words)


def test_a_setting_that_a_server_has_by_default_says_nothing_until_it_is_used():
    exported = export("semaphore-2.18")
    parameters = template(exported, "Upkeep weekly shop")["task_params"]
    parameters["something_new"] = False
    assert found(exported) == []

    parameters["tags"] = ["gate"]
    assert len(found(exported)) == 1


def test_a_schedule_that_was_switched_off_is_named():
    exported = export("semaphore-2.18")
    exported["schedules"][0]["active"] = False

    assert found(exported) == [
        "schedules 'Upkeep weekly shop start': active is false on the server, true here"
    ]


@pytest.mark.parametrize("name", ALL)
def test_no_list_of_an_export_may_be_something_else(name: str):
    """Damage is a line, never an exception of another kind."""
    whole = export(name)
    for key in whole:
        for value in ("x", 1, [1], {"a": 1}, [[]], None):
            damaged = {**copy.deepcopy(whole), key: value}
            try:
                found(damaged)
            except ValueError as error:
                assert "\n" not in str(error)
