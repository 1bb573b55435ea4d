# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers of people to Semaphore's questions, which Ansible would run as templates.

AWX marks answers as unsafe text. Semaphore hands them on as one word of JSON, in which Ansible
believes every template: whoever may start a task could read and run what the server's user can.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping

from upkeep.controller.jobs import on_demand

#: In the variables of every task of Semaphore.
MARK: t.Final = "semaphore_vars"
_BEGINNINGS: t.Final = ("{{", "{%", "{#")


def templates(words: Iterable[t.Any]) -> list[str]:
    """Return the variables whose answer is a template, from words of ``--extra-vars``."""
    asked = {question.variable for asked in on_demand().values() for question in asked}

    return sorted(
        name
        for given in filter(_is_of_semaphore, map(_variables, words))
        for name in asked & given.keys()
        if any(beginning in str(given[name]) for beginning in _BEGINNINGS)
    )


def sentence(names: Iterable[str]) -> str:
    """Return why such a run is refused."""
    return (
        f"{', '.join(names)}: an answer holds a template of Jinja, which Semaphore lets Ansible"
        " run; write it without {{, {% and {#"
    )


def _is_of_semaphore(given: Mapping[str, t.Any]) -> bool:
    return MARK in given


def _variables(word: t.Any) -> Mapping[str, t.Any]:
    """Return the variables of a word that is JSON; none of any other."""
    try:
        value = json.loads(word)
    except (TypeError, ValueError, RecursionError):
        return {}

    return value if isinstance(value, Mapping) else {}
