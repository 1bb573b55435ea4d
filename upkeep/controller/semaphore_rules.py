# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Semaphore refuses when it imports a project, and what it takes though it must not."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from collections.abc import Iterator, Mapping

#: Lists of a project as servers of today write them.
LISTS: t.Final = (
    "environments",
    "host_configs",
    "integration_aliases",
    "integrations",
    "inventories",
    "keys",
    "repositories",
    "roles",
    "runners",
    "schedules",
    "secret_storages",
    "templates",
    "views",
    "workflows",
)
#: List -> keys that an entry needs, with their types.
_SHAPE: t.Final[Mapping[str, Mapping[str, type]]] = {
    "keys": {"name": str, "type": str, "owner": str},
    "repositories": {"name": str, "git_url": str, "git_branch": str, "ssh_key": str},
    "inventories": {"name": str, "type": str, "inventory": str, "ssh_key": str},
    "environments": {"name": str, "json": str, "env": str},
    "views": {"title": str, "position": int},
    "templates": {
        "name": str,
        "playbook": str,
        "repository": str,
        "inventory": str,
        "environments": list,
        "view": str,
        "app": str,
        "type": str,
        "arguments": str,
        "survey_vars": list,
        "vaults": list,
        "allow_parallel_tasks": bool,
        "suppress_success_alerts": bool,
    },
    "schedules": {
        "name": str,
        "template": str,
        "cron_format": str,
        "active": bool,
        "delete_after_run": bool,
    },
}
#: (list, key) -> list in which what it names must stand.
_REFERENCES: t.Final[Mapping[tuple[str, str], str]] = {
    ("repositories", "ssh_key"): "keys",
    ("inventories", "ssh_key"): "keys",
    ("templates", "repository"): "repositories",
    ("templates", "inventory"): "inventories",
    ("templates", "environments"): "environments",
    ("templates", "view"): "views",
    ("schedules", "template"): "templates",
}
_QUESTION_TYPES: t.Final = ("", "int", "enum", "secret")
#: Bounds of the five fields of cron.
_FIELDS: t.Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def problems(project: t.Any, playbooks: t.Collection[str]) -> list[str]:
    """Return a sentence for each thing that an import would refuse, or take wrongly."""
    if not isinstance(project, Mapping):
        return ["a project is a mapping of lists"]

    missing = [f"'{name}' is missing" for name in ("meta", *LISTS) if name not in project]
    if missing:
        return missing

    found = [f"{place}: {line}" for place, line in _shape_problems(project)]
    if found:
        return found

    return [
        *_name_problems(project),
        *_reference_problems(project),
        *(
            f"template '{entry['name']}': {line}"
            for entry in project["templates"]
            for line in _template_problems(entry, playbooks)
        ),
        *(
            f"schedule '{entry['name']}': {line}"
            for entry in project["schedules"]
            for line in cron_problems(entry["cron_format"])
        ),
    ]


def cron_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with five fields of cron; only numbers, lists and ``*`` are used."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        yield f"cron_format {text!r} has not five fields"
        return

    for field, (least, most) in zip(fields, _FIELDS, strict=True):
        numbers = field.split(",")
        if field != "*" and not all(
            number.isdecimal() and least <= int(number) <= most for number in numbers
        ):
            yield f"cron_format {text!r}: {field!r} is not from {least} to {most}"

    if fields[2] != "*" and fields[4] != "*":
        yield f"cron_format {text!r}: cron joins a day of the month and a weekday by 'or'"


def _shape_problems(project: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    meta = project["meta"]
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str):
        yield "meta", "name is missing"
    for name, shape in _SHAPE.items():
        if not isinstance(project[name], list):
            yield name, "must be a list"
            continue
        for position, entry in enumerate(project[name]):
            for key, kind in shape.items():
                value = entry.get(key)
                if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                    yield f"{name}[{position}]", f"{key} is {value!r}, not {kind.__name__}"


def _name_problems(project: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield duplicate names; the server refuses only the third."""
    for name in _SHAPE:
        counted = Counter(_name(entry) for entry in project[name])
        yield from (f"{name}: duplicate name '{twice}'" for twice, n in counted.items() if n > 1)


def _name(entry: Mapping[str, t.Any]) -> str:
    return str(entry.get("name", entry.get("title", "")))


def _reference_problems(project: Mapping[str, t.Any]) -> Iterator[str]:
    for (name, key), target in _REFERENCES.items():
        known = {_name(entry) for entry in project[target]}
        for entry in project[name]:
            named = entry[key]
            for reference in [named] if isinstance(named, str) else named:
                if reference not in known:
                    yield f"{name} '{entry['name']}': {key} '{reference}' is not defined"


def _template_problems(entry: Mapping[str, t.Any], playbooks: t.Collection[str]) -> Iterator[str]:
    if entry["playbook"] not in playbooks:
        yield f"playbook '{entry['playbook']}' is not in the project"
    if entry["app"] != "ansible":
        yield f"app is {entry['app']!r}; without 'ansible' the server knows no program"

    try:
        arguments = json.loads(entry["arguments"])
    except ValueError:
        arguments = None
    if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
        yield "arguments must be a list of words, written as JSON in a text"

    for question in entry["survey_vars"]:
        yield from _question_problems(question)


def _question_problems(question: Mapping[str, t.Any]) -> Iterator[str]:
    name = question.get("name")
    if question.get("type") not in _QUESTION_TYPES:
        yield f"question {name!r}: type {question.get('type')!r} does not exist"
    if not isinstance(question.get("required"), bool):
        yield f"question {name!r}: required must be true or false"

    values = [value.get("value") for value in question.get("values") or []]
    default = question.get("default_value", "")
    if question.get("type") == "enum" and default not in values:
        yield f"question {name!r}: default {default!r} is not offered"
    if question.get("type") == "int" and default and not str(default).lstrip("-").isdecimal():
        yield f"question {name!r}: default {default!r} is not a whole number"
