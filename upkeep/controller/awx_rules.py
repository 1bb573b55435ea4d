# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWX refuses, and what it takes though it never runs or never comes to rest.

Stricter than the server: a template that it takes and that cannot start is found out at night.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from upkeep.controller.awx import AwxData, AwxObject

#: One DTSTART with a zone or Z, one RRULE, a space between.
_RULE: t.Final = re.compile(
    r"DTSTART(?:;TZID=(?P<zone>[^:\s]+))?:(?P<start>\d{8}T\d{6})(?P<utc>Z?) RRULE:(?P<rule>\S+)"
)
_FREQUENCIES: t.Final = ("MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS: t.Final = (
    "FREQ",
    "INTERVAL",
    "BYDAY",
    "BYSETPOS",
    "BYMONTH",
    "BYMONTHDAY",
    "COUNT",
    "UNTIL",
)
#: An interval that does not divide a day or an hour gives other times once it is walked from now.
_DIVIDED: t.Final[Mapping[str, int]] = {"HOURLY": 24, "MINUTELY": 60}
_LONGEST_NAME: t.Final = 512
_MOST: t.Final = 999
_OLDEST: t.Final = timedelta(days=365 * 10)
_VARIABLE: t.Final = re.compile(r"[a-z_][a-z0-9_]*")
_ENVIRONMENT: t.Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXTS: t.Final = ("text", "textarea", "password")
_CHOICES: t.Final = ("multiplechoice", "multiselect")
_NUMBERS: t.Final[Mapping[str, tuple[type, ...]]] = {"integer": (int,), "float": (int, float)}
_QUESTION: t.Final = frozenset(
    [
        "variable",
        "question_name",
        "question_description",
        "type",
        "required",
        "default",
        "choices",
        "min",
        "max",
    ]
)
#: What a schedule may answer, and the flag of its template without which the server refuses it.
_PROMPTS: t.Final[Mapping[str, str]] = {
    "limit": "ask_limit_on_launch",
    "inventory": "ask_inventory_on_launch",
    "job_type": "ask_job_type_on_launch",
    "job_tags": "ask_tags_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "diff_mode": "ask_diff_mode_on_launch",
    "verbosity": "ask_verbosity_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
    "extra_data": "ask_variables_on_launch",
}
#: Field of an object -> variable in which what it names must stand.
_REFERENCES: t.Final[Mapping[str, str]] = {
    "organization": "aap_organizations",
    "inventory": "controller_inventories",
    "project": "controller_projects",
    "source_project": "controller_projects",
    "execution_environment": "controller_execution_environments",
    "default_environment": "controller_execution_environments",
    "unified_job_template": "controller_templates",
    "credentials": "controller_credentials",
    "notification_templates_error": "controller_notifications",
}
#: Types of credentials that the server brings.
_OWN_TYPES: t.Final = ("Machine", "Vault", "Source Control")


def problems(data: AwxData, playbooks: t.Collection[str], now: datetime) -> list[str]:
    """Return a sentence for each object that AWX refuses, or takes and cannot use."""
    return [
        *_name_problems(data),
        *_reference_problems(data),
        *_type_problems(data),
        *(
            f"template '{template['name']}': {line}"
            for template in data["controller_templates"]
            for line in template_problems(template, playbooks)
        ),
        *(
            f"schedule '{entry['name']}': {line}"
            for entry in data["controller_schedules"]
            for line in (
                *rule_problems(str(entry.get("rrule", "")), now),
                *_prompt_problems(entry, data["controller_templates"]),
            )
        ),
        *_jinja_problems(data),
    ]


def rule_problems(text: str, now: datetime) -> Iterator[str]:
    """Yield what is wrong with a rule; ``now`` tells rules that lie in the past or too far back."""
    match = _RULE.fullmatch(text)
    if match is None:
        yield "rrule is not one DTSTART with a zone or Z, a space and one RRULE"
        return
    if bool(match["zone"]) is bool(match["utc"]):
        yield "DTSTART needs either a zone or Z"
        return
    try:
        zone = ZoneInfo(match["zone"] or "UTC")
        start = datetime.strptime(match["start"], "%Y%m%dT%H%M%S").replace(tzinfo=zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        yield f"DTSTART: {error}"
        return

    parts = [part.partition("=") for part in match["rule"].split(";")]
    rule = {name: value for name, _, value in parts}
    found = [*_part_problems(rule, len(parts))]
    yield from found
    if start.astimezone(UTC) < now - _OLDEST:
        yield "DTSTART lies more than ten years back, which the server walks through at each look"
    if not found and not _has_starts(text, now):
        yield "rrule gives no start in the next two years"


def _part_problems(rule: Mapping[str, str], count: int) -> Iterator[str]:
    if count != len(rule):
        yield "duplicate part of the rule"
    for name in rule:
        if name not in _PARTS:
            yield f"{name} is not supported, or not in capital letters"
    if rule.get("FREQ") not in _FREQUENCIES:
        yield f"FREQ is {rule.get('FREQ')!r}; one of {', '.join(_FREQUENCIES)}"

    interval = rule.get("INTERVAL", "")
    if not interval.isdecimal() or int(interval) < 1:
        yield f"INTERVAL is {interval!r}; a whole number of at least 1"
    elif (whole := _DIVIDED.get(rule.get("FREQ", ""))) and whole % int(interval):
        yield f"INTERVAL={interval} does not divide {whole}, so times change once the start is old"

    if not re.fullmatch(r"((MO|TU|WE|TH|FR|SA|SU)(,(?!$)|$))*", rule.get("BYDAY", "")):
        yield f"BYDAY={rule.get('BYDAY')}: no number before a weekday; use BYSETPOS"
    if rule.get("FREQ") == "WEEKLY" and "BYDAY" not in rule:
        yield "WEEKLY needs BYDAY: the page of the schedule breaks without it"
    if "COUNT" in rule and ("UNTIL" in rule or not 0 < _number(rule["COUNT"]) <= _MOST):
        yield f"COUNT goes up to {_MOST}, and not with UNTIL"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _has_starts(text: str, now: datetime) -> bool:
    """Return whether a rule gives a start in two years; without dateutil nobody knows."""
    try:
        from dateutil import rrule
    except ModuleNotFoundError:  # a control host need not have it
        return True

    try:
        following = rrule.rrulestr(text.replace(" RRULE", "\nRRULE")).after(now)
    except (ValueError, TypeError):
        return False

    return following is not None and following < now + timedelta(days=731)


def template_problems(template: AwxObject, playbooks: t.Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a job template."""
    if template.get("playbook") not in playbooks:
        yield f"playbook '{template.get('playbook')}' is not in the project"
    for needed in ("project", "inventory", "organization"):
        if not template.get(needed):
            yield f"{needed} is missing"
    if template.get("job_slice_count", 1) != 1:
        yield "job_slice_count must be 1: a gate needs all hosts of a system in one job"
    for name, most in (("forks", None), ("verbosity", 5), ("timeout", None)):
        value = template.get(name, 0)
        if not isinstance(value, int) or value < 0 or (most is not None and value > most):
            yield f"{name} is {value!r}"

    spec = template.get("survey_spec")
    if bool(template.get("survey_enabled")) is not bool(spec):
        yield "survey_enabled and survey_spec do not go together"
    if spec:
        yield from survey_problems(spec)


def survey_problems(spec: t.Any) -> Iterator[str]:
    """Yield what is wrong with a survey."""
    if not isinstance(spec, Mapping) or not all(
        isinstance(spec.get(name), str) for name in ("name", "description")
    ):
        yield "survey: name and description must be texts"
        return
    if not isinstance(spec.get("spec"), list) or not spec["spec"]:
        yield "survey: spec must be a list of questions that is not empty"
        return

    for number, question in enumerate(spec["spec"]):
        yield from (f"question {number}: {line}" for line in question_problems(question))

    names = Counter(str(question.get("variable")) for question in spec["spec"])
    yield from (f"survey: duplicate variable {name!r}" for name, n in names.items() if n > 1)


def question_problems(question: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield what is wrong with one question of a survey."""
    yield from (f"{name!r} is not a key of a question" for name in set(question) - _QUESTION)
    for name in ("type", "question_name", "variable"):
        if not isinstance(question.get(name), str) or not question[name]:
            yield f"{name} must be a text that is not empty"
            return
    if not _VARIABLE.fullmatch(question["variable"]):
        yield f"variable {question['variable']!r} is not the name of a variable"
    if not isinstance(question.get("required"), bool):
        yield "required must be true or false"

    kind = question["type"]
    if kind in _NUMBERS:
        yield from _number_problems(question, _NUMBERS[kind])
    elif kind in _CHOICES:
        yield from _choice_problems(question)
    elif kind in _TEXTS:
        yield from _text_problems(question)
    else:
        yield f"type {kind!r} does not exist"


def _number_problems(question: Mapping[str, t.Any], kinds: tuple[type, ...]) -> Iterator[str]:
    least, most = question.get("min"), question.get("max")
    default = question.get("default", "")
    for name, value in (("min", least), ("max", most)):
        if value is not None and not _is_number(value, (int,)):
            yield f"{name} must be a whole number"
            return
    if least is not None and most is not None and least > most:
        yield f"min {least} is above max {most}"
    if default in ("", None) and not isinstance(default, bool):
        return
    if not _is_number(default, kinds):
        yield f"default {default!r} is not of type {question['type']}"
    elif (least is not None and default < least) or (most is not None and default > most):
        yield f"default {default} is not from min to max"


def _is_number(value: t.Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _text_problems(question: Mapping[str, t.Any]) -> Iterator[str]:
    default = question.get("default", "")
    if not isinstance(default, str):
        yield f"default {default!r} is not a text"
        return
    if question["type"] == "password" and default:
        yield "a password with a default is never at rest"
    if "$" + "encrypted$" in default:
        yield "default holds the server's mark of a secret"
    if isinstance(question.get("max"), int) and len(default) > question["max"]:
        yield "default is longer than max, so the server drops it at the start"


def _choice_problems(question: Mapping[str, t.Any]) -> Iterator[str]:
    choices, default = question.get("choices"), question.get("default", "")
    if not isinstance(choices, list) or not choices:
        yield "choices must be a list: a text loses its last line break and is never at rest"
        return
    if not all(isinstance(choice, str) and choice.strip() == choice != "" for choice in choices):
        yield "choices must be texts without a space or line break at either end"
    elif len(set(choices)) < len(choices):
        yield "duplicate choice"
    if not isinstance(default, str):
        yield f"default {default!r} is not a text"
    elif default and default not in choices:
        yield f"default {default!r} is not offered"


def _name_problems(data: AwxData) -> Iterator[str]:
    """Yield names that are not the only ones of all kinds: look-ups go over the whole server."""
    names = Counter(str(entry.get("name", "")) for entries in data.values() for entry in entries)
    for name, count in names.items():
        if count > 1:
            yield f"name '{name}' stands for {count} objects; the server would find them all"
        if not name.strip() or len(name) > _LONGEST_NAME:
            yield f"name '{name[:40]}' must have 1 to {_LONGEST_NAME} letters"


def _reference_problems(data: AwxData) -> Iterator[str]:
    known = {variable: {entry["name"] for entry in entries} for variable, entries in data.items()}
    for variable, entries in data.items():
        for entry in entries:
            for field, target in _REFERENCES.items():
                named = entry.get(field) or []
                for name in [named] if isinstance(named, str) else named:
                    if name not in known[target]:
                        yield f"{variable} '{entry['name']}': {field} '{name}' is not defined"


def _type_problems(data: AwxData) -> Iterator[str]:
    """Yield what is wrong with credentials and their types."""
    types = {entry["name"]: entry for entry in data["controller_credential_types"]}
    for name, entry in types.items():
        if entry.get("kind") not in ("cloud", "net"):
            yield f"credential type '{name}': kind must be cloud or net"
        if name in _OWN_TYPES:
            yield f"credential type '{name}': the server brings one of that name"
        for variable in entry.get("injectors", {}).get("env", {}):
            if not _ENVIRONMENT.fullmatch(variable) or variable.startswith("ANSIBLE_"):
                yield f"credential type '{name}': the server refuses to set {variable}"
        yield from _injected_fields(name, entry)

    for entry in data["controller_credentials"]:
        kind = entry.get("credential_type", "")
        if kind not in types and kind not in _OWN_TYPES:
            yield f"credential '{entry['name']}': type '{kind}' is not defined"
        elif kind in types:
            fields = {field["id"] for field in types[kind]["inputs"]["fields"]}
            for unknown in sorted(set(entry.get("inputs", {})) - fields):
                yield f"credential '{entry['name']}': the type has no field {unknown}"
        if entry.get("update_secrets", True):
            yield f"credential '{entry['name']}': without update_secrets: false it is never at rest"


def _injected_fields(name: str, entry: AwxObject) -> Iterator[str]:
    fields = {field["id"] for field in entry["inputs"]["fields"]}
    texts = [text for part in entry["injectors"].values() for text in part.values()]
    for text in texts:
        for used in re.findall(r"{{ *([\w.]+) *}}", str(text)):
            if used not in fields and not used.startswith("tower.filename"):
                yield f"credential type '{name}': injects {used}, which is not a field"


def _prompt_problems(entry: AwxObject, templates: t.Iterable[AwxObject]) -> Iterator[str]:
    """Yield what a schedule says that its template does not ask for, and what it leaves open."""
    named = entry.get("unified_job_template")
    template = next((known for known in templates if known["name"] == named), None)
    if template is None:
        return  # said with the references

    questions = (template.get("survey_spec") or {}).get("spec", [])
    answers = entry.get("extra_data", {})
    surveyed = {question["variable"] for question in questions}
    for field, flag in _PROMPTS.items():
        given = set(answers) - surveyed if field == "extra_data" else entry.get(field)
        if given and not template.get(flag):
            yield f"{field} needs {flag} of its template"
    for question in questions:
        if question["required"] and question["variable"] not in answers:
            yield f"the required question {question['variable']} has no answer"


def _jinja_problems(data: AwxData) -> Iterator[str]:
    """Yield objects that would be rendered when they are applied; the server fills in types."""
    for variable, entries in data.items():
        if variable != "controller_credential_types":
            for entry in entries:
                if "{{" in str(entry) or "{%" in str(entry):
                    yield f"{variable} '{entry['name']}' holds Jinja"
