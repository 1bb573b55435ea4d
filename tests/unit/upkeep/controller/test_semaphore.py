# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The project for Semaphore: what an import needs, and what it would take wrongly."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest

from upkeep import PROJECT
from upkeep.controller import semaphore_rules
from upkeep.controller.files import server_data
from upkeep.controller.semaphore import SemaphoreProject, differences
from upkeep.controller.settings import load_settings
from upkeep.schedule.load import read

PLAYBOOKS = {f"playbooks/{path.name}" for path in (PROJECT / "playbooks").glob("*.yml")}
DATA = server_data().semaphore


@pytest.fixture
def project() -> SemaphoreProject:
    return copy.deepcopy(DATA)


def problems(project: t.Any) -> list[str]:
    return semaphore_rules.problems(project, PLAYBOOKS)


def test_the_shipped_project_has_no_problem(project: SemaphoreProject):
    assert problems(project) == []
    assert sorted(key for key in project if key != "meta") == sorted(semaphore_rules.LISTS)


def test_templates_name_limit_and_variables_as_words(project: SemaphoreProject):
    [weekly] = [e for e in project["templates"] if e["name"] == "Upkeep weekly fairedge"]

    assert json.loads(weekly["arguments"]) == [
        "--limit=fairedge",
        "--extra-vars=lock_wait_minutes=120",
    ]
    assert weekly["environments"] == [weekly["environment"]], "for servers of both shapes"


def test_what_cron_cannot_say_is_listed():
    assert differences(read(), load_settings()) == [
        "Upkeep monthly racing: first Monday 05:00 becomes day 1 of the month, since cron has no"
        " weekday of a month"
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # semaphore 2678: a key that is not there
        ("repositories", {"ssh_key": "nobody"}),
        ("inventories", {"ssh_key": "nobody"}),
        ("templates", {"repository": "nothing"}),
        ("templates", {"inventory": "nothing"}),
        ("templates", {"environments": ["nothing"]}),
        ("templates", {"view": "nothing"}),
        # semaphore 2227: no app, so the server knows no program
        ("templates", {"app": ""}),
        # semaphore 2153: a survey as text, or null
        ("templates", {"survey_vars": "[]"}),
        ("templates", {"survey_vars": None}),
        ("templates", {"survey_vars": [{"name": "x", "type": "bool", "required": True}]}),
        ("templates", {"survey_vars": [{"name": "x", "type": "", "required": "yes"}]}),
        ("templates", {"arguments": ["--limit=x"]}),
        ("templates", {"arguments": "--limit=x"}),
        ("templates", {"arguments": "[1]"}),
        ("templates", {"playbook": "playbooks/nothing.yml"}),
        ("templates", {"allow_parallel_tasks": "false"}),
        ("templates", {"vaults": None}),
        ("schedules", {"template": "nothing"}),
        ("schedules", {"active": "true"}),
        # semaphore 3172: a schedule without a name
        ("schedules", {"name": None}),
        ("schedules", {"cron_format": "0 5 1-7 * 1"}),
        ("schedules", {"cron_format": "0 5 1 * 1"}),
        ("schedules", {"cron_format": "@daily"}),
        ("schedules", {"cron_format": "0 0 5 * * *"}),
        ("schedules", {"cron_format": "60 5 * * *"}),
        ("views", {"position": True}),
    ],
)
def test_what_an_import_refuses_or_takes_wrongly_is_named(
    project: SemaphoreProject, name: str, values: dict[str, t.Any]
):
    project[name][0] |= values

    assert problems(project)


def test_the_second_of_a_name_is_refused_already(project: SemaphoreProject):
    """Semaphore 1748: names are how objects find each other; the server refuses the third."""
    project["templates"].append(project["templates"][0])

    assert problems(project) == ["templates: duplicate name 'Upkeep quarter_hourly fairedge'"]


@pytest.mark.parametrize("project", [None, [], {"meta": {}}, {"templates": []}])
def test_what_is_no_project_is_named(project: t.Any):
    assert problems(project)
