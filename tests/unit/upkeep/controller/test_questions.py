# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pages and playbooks give with -e, servers ask for."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from upkeep import PROJECT
from upkeep.controller.jobs import on_demand
from upkeep.schedule.load import PLAYBOOKS

QUESTIONS: t.Final = on_demand()
#: What only the command line gives, and why.
NOT_ASKED: t.Final[dict[str, str]] = {
    "ansible_become_user": "of Ansible itself",
    "backup_release": "a list; an answer left empty would be one empty name",
    "backup_reread_days": "an answer left empty would take the place of the profile's figure",
    "model_verification_replace": "a list; an answer left empty would be one empty name",
    "restore_artefacts": "a list; an answer left empty would be one empty name",
    "restore_paths": "a list; an answer left empty would be one empty name",
}
_GIVEN: t.Final = re.compile(r"-e\s+(?:'\{\"(\w+)\":|(\w+)=)")


def given_in(text: str) -> set[str]:
    """Return the variables that a text gives with -e."""
    return {in_json or in_word for in_json, in_word in _GIVEN.findall(text)}


def beginning(playbook: str) -> str:
    """Return the comment at the beginning of a playbook as one line."""
    lines = (PLAYBOOKS / f"{playbook}.yml").read_text().split("\n---\n")[0].splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]

    return " ".join(comments)


def pages() -> list[Path]:
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def in_pages(playbook: str) -> set[str]:
    """Return the variables that commands on pages give to a playbook."""
    begins = f"playbooks/{playbook}.yml"
    commands = (
        command
        for page in pages()
        for line in re.sub(r"\\\n\s*", " ", page.read_text()).splitlines()
        for command in re.split(r"(?=playbooks/\w+\.yml)", line)
    )

    return set().union(*(given_in(one) for one in commands if one.startswith(begins)))


@pytest.mark.parametrize("playbook", QUESTIONS)
def test_servers_ask_for_what_can_be_given(playbook: str):
    asked = {question.variable for question in QUESTIONS[playbook]}
    documented = given_in(beginning(playbook)) | in_pages(playbook)

    assert documented - asked - set(NOT_ASKED) == set()


def test_what_is_not_asked_is_documented_somewhere():
    documented = set().union(*(given_in(beginning(one)) | in_pages(one) for one in QUESTIONS))

    assert set(NOT_ASKED) - documented == set()


def test_variables_are_found_as_they_are_written():
    assert given_in("""-e one=1 -e '{"two": []}' -e @key.yml""") == {"one", "two"}
    assert "rollback_database_set" in given_in(beginning("roll_back"))
