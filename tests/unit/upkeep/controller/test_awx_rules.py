# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWX refuses is refused here, and so is what it takes though it never runs.

The bad values are those of its serializers' own tests, of its issue tracker, and those that were
seen to be taken and never to start.
"""

from __future__ import annotations

import copy
import typing as t
from datetime import UTC, datetime

import pytest

from upkeep import PROJECT
from upkeep.controller import awx_rules
from upkeep.controller.awx import AwxData, AwxObject
from upkeep.controller.files import server_data

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PLAYBOOKS = {f"playbooks/{path.name}" for path in (PROJECT / "playbooks").glob("*.yml")}
START = "DTSTART:20260101T050000Z RRULE:"
DATA = server_data().awx


@pytest.fixture
def data() -> AwxData:
    return copy.deepcopy(DATA)


def problems(data: AwxData) -> list[str]:
    return awx_rules.problems(data, PLAYBOOKS, NOW)


def test_the_shipped_data_has_no_problem(data: AwxData):
    assert problems(data) == []


@pytest.mark.parametrize(
    "rule",
    [
        f"{START}FREQ=MONTHLY;INTERVAL=1;BYDAY=MO;BYSETPOS=1",
        f"{START}FREQ=MONTHLY;INTERVAL=1;BYDAY=SU;BYSETPOS=-1",
        f"{START}FREQ=MINUTELY;INTERVAL=15",
        f"{START}FREQ=HOURLY;INTERVAL=6",
        "DTSTART;TZID=Europe/Berlin:20260101T050000 RRULE:FREQ=DAILY;INTERVAL=1",
    ],
)
def test_rules_that_run_are_taken(rule: str):
    assert list(awx_rules.rule_problems(rule, NOW)) == []


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "FREQ=DAILY;INTERVAL=1",
        "RRULE:FREQ=DAILY;INTERVAL=1",
        "0 5 * * *",
        "DTSTART:20260101T050000Z",
        # awx 11499: made by the collection's own look-up
        "DTSTART;TZID=UTC:20210101T070000 FREQ=WEEKLY;INTERVAL=1",
        # awx 1067: a zone and Z
        "DTSTART;TZID=America/New_York:20300308T050000Z RRULE:FREQ=DAILY;INTERVAL=1",
        # awx 11094: an offset
        "DTSTART:20210920T130000+0000 RRULE:INTERVAL=1;FREQ=HOURLY",
        "DTSTART:20260101T050000 RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART:20260101T050000Z DTSTART:20260101T050000Z RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART;TZID=Europe/Berln:20260101T050000 RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART:20261301T050000Z RRULE:FREQ=DAILY;INTERVAL=1",
        f"{START}FREQ=DAILY",
        f"{START}FREQ=DAILY;INTERVAL=0",
        f"{START}FREQ=DAILY;INTERVAL=-1",
        f"{START}FREQ=SECONDLY;INTERVAL=1",
        # awx 1067
        f"{START}FREQ=REGULARLY;INTERVAL=1",
        f"{START}FREQ=YEARLY;INTERVAL=1;BYYEARDAY=100",
        f"{START}FREQ=YEARLY;INTERVAL=1;BYWEEKNO=20",
        f"{START}FREQ=DAILY;INTERVAL=1;COUNT=2000",
        f"{START}FREQ=DAILY;INTERVAL=1;COUNT=2;UNTIL=20270101T000000Z",
        f"{START}FREQ=MONTHLY;INTERVAL=1;BYDAY=1MO",
        f"{START}FREQ=DAILY;INTERVAL=1 RRULE:FREQ=DAILY;INTERVAL=2",
        f"{START}FREQ=DAILY;INTERVAL=1 EXDATE:20260102T050000Z",
        f"{START}FREQ=DAILY;INTERVAL=1 RDATE:20260102T050000Z",
        # taken by the server, and never run or shown
        f"{START}FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,1TU",
        f"{START}FREQ=MONTHLY;INTERVAL=1;BYDAY=-1MO",
        f"{START}FREQ=MONTHLY;INTERVAL=1;BYDAY=+1MO",
        f"{START}FREQ=MONTHLY;INTERVAL=1;byday=1MO",
        f"{START}FREQ=YEARLY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=31",
        f"{START}FREQ=DAILY;INTERVAL=1;UNTIL=20260201T000000Z",
        f"{START}FREQ=HOURLY;INTERVAL=5",
        f"{START}FREQ=MINUTELY;INTERVAL=25",
        # awx 16400: crashes the list of schedules when the clock changes
        f"{START}FREQ=HOURLY;INTERVAL=4;BYHOUR=1,5,9,13,17,21",
        # awx 14182: breaks the page
        f"{START}FREQ=WEEKLY;INTERVAL=1",
        f"{START}FREQ=DAILY;INTERVAL=1\nRRULE:FREQ=DAILY;INTERVAL=1",
        f"{START}FREQ=DAILY;INTERVAL=1;INTERVAL=2",
    ],
)
def test_rules_that_are_refused_or_never_run_are_named(rule: str):
    assert list(awx_rules.rule_problems(rule, NOW))


TEXT = {"variable": "who", "question_name": "Who?", "type": "text", "required": True, "default": ""}
NUMBER = {**TEXT, "type": "integer", "default": 3, "min": 0, "max": 9}
CHOICE = {**TEXT, "type": "multiplechoice", "choices": ["true", "false"], "default": "false"}


@pytest.mark.parametrize("question", [TEXT, NUMBER, CHOICE, {**NUMBER, "default": ""}])
def test_questions_that_work_are_taken(question: AwxObject):
    assert list(awx_rules.question_problems(question)) == []


@pytest.mark.parametrize(
    "question",
    [
        {**TEXT, "default": 3},
        {**TEXT, "default": True},
        {**TEXT, "required": "true"},
        {**TEXT, "type": "boolean"},
        {**TEXT, "variable": ""},
        {**TEXT, "variable": "my-name"},
        {**TEXT, "variable": "my name"},
        {**TEXT, "unknown": 1},
        {**TEXT, "default": "much too long", "max": 5},
        {**TEXT, "default": "$encrypted$"},
        {**TEXT, "type": "password", "default": "x"},
        {key: value for key, value in TEXT.items() if key != "question_name"},
        {key: value for key, value in TEXT.items() if key != "required"},
        {**NUMBER, "default": "3"},
        {**NUMBER, "default": 3.5},
        {**NUMBER, "default": True},
        {**NUMBER, "default": 10},
        {**NUMBER, "min": "0"},
        {**NUMBER, "min": 10, "max": 9, "default": ""},
        {**CHOICE, "choices": "true\nfalse"},
        {**CHOICE, "choices": []},
        {**CHOICE, "choices": [True, False]},
        {**CHOICE, "choices": ["true", "true"]},
        {**CHOICE, "choices": ["true\n", "false"]},
        {**CHOICE, "default": "fals"},
        {**CHOICE, "default": ["false"]},
        {**CHOICE, "default": False},
    ],
)
def test_questions_that_are_refused_or_dropped_are_named(question: AwxObject):
    assert list(awx_rules.question_problems(question))


@pytest.mark.parametrize(
    "spec",
    [
        {"description": "", "spec": [TEXT]},
        {"name": None, "description": "", "spec": [TEXT]},
        {"name": "", "description": "", "spec": []},
        {"name": "", "description": "", "spec": [TEXT, TEXT]},
        [TEXT],
    ],
)
def test_surveys_that_are_refused_are_named(spec: t.Any):
    assert list(awx_rules.survey_problems(spec))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("playbook", "playbooks/nothing.yml"),
        ("project", ""),
        ("inventory", None),
        ("forks", -1),
        ("verbosity", 6),
        ("job_slice_count", 2),
        ("survey_enabled", True),
        ("credentials", ["Upkeep key of nobody"]),
        ("name", "x" * 513),
        ("limit", "{{ system }}"),
    ],
)
def test_templates_that_cannot_start_are_named(data: AwxData, field: str, value: t.Any):
    data["controller_templates"][0][field] = value

    assert problems(data)


def test_a_name_stands_for_one_object_of_all_kinds(data: AwxData):
    data["controller_projects"][0]["name"] = data["controller_templates"][0]["name"]

    assert any("stands for 2 objects" in line for line in problems(data))


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"limit": "shop"}, "ask_limit_on_launch"),
        ({"job_type": "check", "name": "x"}, ""),
        ({"extra_data": {"free": 1}}, "ask_variables_on_launch"),
        ({"verbosity": 1}, "ask_verbosity_on_launch"),
        ({"diff_mode": True}, "ask_diff_mode_on_launch"),
        ({"inventory": "Upkeep inventory"}, "ask_inventory_on_launch"),
    ],
)
def test_a_schedule_says_only_what_its_template_asks_for(
    data: AwxData, given: dict[str, t.Any], flag: str
):
    data["controller_schedules"][0] |= given
    found = [line for line in problems(data) if "of its template" in line]

    assert [flag in line for line in found] == [True] * bool(flag)


def test_a_schedule_answers_what_is_required(data: AwxData):
    data["controller_schedules"][0]["unified_job_template"] = "Upkeep record_models"

    [line] = problems(data)
    assert "model_verification_approved_by has no answer" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "ssh"}, "kind must be cloud or net"),
        ({"injectors": {"env": {"ANSIBLE_X": "{{ store }}"}}}, "refuses to set ANSIBLE_X"),
        ({"injectors": {"env": {"1X": "{{ store }}"}}}, "refuses to set 1X"),
        ({"injectors": {"env": {"X": "{{ nothing }}"}}}, "injects nothing"),
    ],
)
def test_types_of_credentials_that_are_refused_are_named(
    data: AwxData, change: AwxObject, words: str
):
    data["controller_credential_types"][0] |= change

    assert any(words in line for line in problems(data))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": {"token": "x"}}, "has no field token"),
        ({"update_secrets": True}, "never at rest"),
        ({"credential_type": "Nothing"}, "type 'Nothing' is not defined"),
    ],
)
def test_credentials_that_are_refused_are_named(data: AwxData, change: AwxObject, words: str):
    data["controller_credentials"][1] |= change

    assert any(words in line for line in problems(data))
