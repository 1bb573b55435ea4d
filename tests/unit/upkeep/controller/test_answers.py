# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates in answers of Semaphore are seen; what is no answer is none of this."""

from __future__ import annotations

import json
import typing as t

import pytest

from upkeep.controller import answers

DETAILS = {"task_details": {"username": "jo", "message": "{{ 1 }}"}}


def word(**variables: t.Any) -> str:
    return json.dumps({"semaphore_vars": DETAILS, **variables})


@pytest.mark.parametrize(
    "text", ["{{ 1 }}", "a {% raw %}", "{# note", "x\n{{ lookup('pipe', 'id')"]
)
def test_an_answer_that_is_a_template_is_named(text: str):
    given = word(backup_hold=text, restore_set="newest", task_queue_task=text)

    assert answers.templates([given]) == ["backup_hold", "task_queue_task"]
    assert answers.sentence(["backup_hold"]).startswith("backup_hold: an answer holds a template")


@pytest.mark.parametrize(
    "words",
    [
        [],
        [word(backup_hold='it\'s "fine"\n{ and } and 100 %')],
        # Of the server's administrator, who may do so.
        [word(upkeep_store="{{ lookup('env', 'STORE') }}")],
        # By hand: whoever does that may run any code anyway.
        [json.dumps({"backup_hold": "{{ 1 }}"}), "backup_hold={{ 1 }}", "@file.yml", "[1]", "{"],
        [None, b"\xff", "[" * 100_000],
    ],
)
def test_anything_else_is_left_alone(words: list[t.Any]):
    assert answers.templates(words) == []
