# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What differs between a server's export and the files made from the profiles."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator, Mapping

import yaml

from upkeep.controller.awx import AwxData
from upkeep.controller.settings import ControllerError

#: Variable -> list of an export by `awx export`.
_AWX_LISTS: t.Final[Mapping[str, str]] = {
    "aap_organizations": "organizations",
    "controller_credential_types": "credential_types",
    "controller_credentials": "credentials",
    "controller_execution_environments": "execution_environments",
    "controller_projects": "projects",
    "controller_inventories": "inventory",
    "controller_inventory_sources": "inventory_sources",
    "controller_notifications": "notification_templates",
    "controller_templates": "job_templates",
    "controller_schedules": "schedules",
}
#: Said to the module that makes an object, and not part of the object.
_NOT_KEPT: t.Final = ("name", "wait", "update_secrets", "survey_spec")
#: List -> what may hold secrets, which an export leaves out or masks.
_HIDDEN: t.Final[Mapping[str, tuple[str, ...]]] = {
    "credentials": ("inputs",),
    "environments": ("password",),
}
_SEMAPHORE_LISTS: t.Final = (
    "keys",
    "repositories",
    "inventories",
    "environments",
    "views",
    "templates",
    "schedules",
)


class Difference(t.NamedTuple):
    """One difference; ``field`` is '' for an object that only one side has."""

    kind: str
    name: str
    field: str
    here: t.Any
    there: t.Any

    def sentence(self) -> str:
        """Return it on one line."""
        what = f"{self.kind} '{self.name}'"
        if not self.name:
            return f"the list '{self.kind}' is not in this export: {self.here}"
        if not self.field:
            return f"{what} is missing on the server" if self.there is None else f"{what} is extra"

        here, there = (json.dumps(side, sort_keys=True) for side in (self.here, self.there))

        return f"{what}: {self.field} is {there} on the server, {here} here"


def differences(
    export: t.Any, awx: AwxData, semaphore: Mapping[str, t.Any], prefix: str
) -> list[Difference]:
    """Return what differs; which server wrote the export is seen from its lists.

    Raises ControllerError for what is no export.
    """
    if isinstance(export, Mapping) and isinstance(export.get("meta"), Mapping):
        return list(_of_semaphore(export, semaphore))
    if isinstance(export, Mapping) and isinstance(export.get("job_templates"), list):
        return list(_of_awx(export, awx, prefix))

    raise ControllerError(
        "this is no export of AWX (`awx export`: a list 'job_templates') and no project of"
        " Semaphore (`semaphore projects export`: a mapping 'meta')"
    )


def _of_awx(export: Mapping[str, t.Any], data: AwxData, prefix: str) -> Iterator[Difference]:
    lists = {**export, "schedules": _awx_schedules(export)}
    if lists["schedules"] is None:
        words = "`awx export` of AWX 15 and later writes it"
        yield Difference("schedules", "", "", words, None)
    for variable, name in _AWX_LISTS.items():
        listed = lists.get(name)
        if listed is None:
            continue  # the export was asked for other kinds, or the server has none of it yet

        there = {_text(entry.get("name")): entry for entry in _entries(listed, name)}
        here = {entry["name"]: entry for entry in data[variable]}
        yield from _missing(name, here, there)
        for extra in sorted(there.keys() - here.keys()):
            if extra.startswith(f"{prefix} "):
                yield Difference(name, extra, "", None, there[extra])
        for common in sorted(here.keys() & there.keys()):
            yield from _awx_fields(name, here[common], there[common])


def _awx_schedules(export: Mapping[str, t.Any]) -> list[t.Any] | None:
    """Return the schedules, which some versions write into their templates; None without any."""
    templates = _entries(export["job_templates"], "job_templates")
    related = [each for each in map(_related, templates) if "schedules" in each]
    if "schedules" not in export and templates and not related:
        return None

    own = _entries(export.get("schedules") or [], "schedules")

    return [
        *own,
        *(entry for each in related for entry in _entries(each["schedules"], "schedules")),
    ]


def _related(entry: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    related = entry.get("related")

    return related if isinstance(related, Mapping) else {}


def _awx_fields(
    kind: str, here: Mapping[str, t.Any], there: Mapping[str, t.Any]
) -> Iterator[Difference]:
    related = _related(there)
    for field, value in here.items():
        if field in _NOT_KEPT or field in _HIDDEN.get(kind, ()):
            continue
        if field in ("credentials", "notification_templates_error"):
            if field in related:
                seen = sorted(_text(_plain(entry)) for entry in related[field])
                yield from _compared(kind, here["name"], field, sorted(value), seen)
        elif field in there:
            seen = _variables(there[field]) if field == "extra_vars" else _plain(there[field])
            yield from _compared(kind, here["name"], field, _spaced(value), _spaced(seen))

    if "survey_spec" in here and "survey_spec" in related:
        seen = related["survey_spec"]
        yield from _compared(kind, here["name"], "survey_spec", here["survey_spec"], seen)


def _of_semaphore(
    export: Mapping[str, t.Any], project: Mapping[str, t.Any]
) -> Iterator[Difference]:
    lists = {**export, "schedules": _semaphore_schedules(export)}
    for name in _SEMAPHORE_LISTS:
        if name not in export and not lists.get(name):
            yield Difference(name, "", "", "servers write it since 2.11", None)
            continue

        there = {_title(entry): entry for entry in _entries(lists[name] or [], name)}
        here = {_title(entry): entry for entry in project[name]}
        yield from _missing(name, here, there)
        for extra in sorted(there.keys() - here.keys()):
            yield Difference(name, extra, "", None, there[extra])
        for common in sorted(here.keys() & there.keys()):
            for field, value in here[common].items():
                if field in there[common] and field not in _HIDDEN.get(name, ()):
                    seen = _read(there[common][field])
                    known = _read(value)
                    if field == "survey_vars" and "schedules" not in export:
                        known = _without_defaults(known, seen)
                    yield from _compared(name, common, field, known, seen)


def _without_defaults(questions: t.Any, seen: t.Any) -> t.Any:
    """Return questions as an old server keeps them, which knows no default."""
    if "default_value" in json.dumps(seen):
        return questions

    return [
        {name: value for name, value in question.items() if name != "default_value"}
        for question in questions
    ]


def _semaphore_schedules(export: Mapping[str, t.Any]) -> t.Any:
    """Return the schedules; before 2.11 a template had its own, as ``cron``."""
    if "schedules" in export:
        return export["schedules"]

    templates = _entries(export.get("templates") or [], "templates")

    return [
        {"name": f"{_title(entry)} start", "template": _title(entry), "cron_format": entry["cron"]}
        for entry in templates
        if entry.get("cron")
    ]


def _read(value: t.Any) -> t.Any:
    """Return what a JSON text holds: some versions write lists and mappings so."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value

    return value


def _lenient(value: t.Any) -> t.Any:
    """Return a value as servers of all versions mean it.

    What is false, empty or null is left out by some, and so by all; versions add settings that are
    so until somebody makes use of them.
    """
    if isinstance(value, Mapping):
        kept = {name: _lenient(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part is not None} or None
    if isinstance(value, list):
        return [_lenient(part) for part in value] or None

    return value or None


def _missing(
    kind: str, here: Mapping[str, t.Any], there: Mapping[str, t.Any]
) -> Iterator[Difference]:
    yield from (Difference(kind, name, "", here[name], None) for name in here if name not in there)


def _compared(kind: str, name: str, field: str, here: t.Any, there: t.Any) -> Iterator[Difference]:
    if _lenient(here) != _lenient(there):
        yield Difference(kind, name, field, here, there)


def _entries(listed: t.Any, name: str) -> list[Mapping[str, t.Any]]:
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise ControllerError(f"the export's '{name}' is not a list of objects")

    return listed


def _title(entry: Mapping[str, t.Any]) -> str:
    return _text(entry.get("name", entry.get("title")))


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _plain(value: t.Any) -> t.Any:
    """Return the name of what a natural key stands for; anything else as it is."""
    return value["name"] if isinstance(value, Mapping) and "name" in value else value


def _spaced(value: t.Any) -> t.Any:
    """Return a text with single spaces: AWX keeps rules so."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _variables(value: t.Any) -> t.Any:
    """Return the variables of a text: the module writes them as JSON, people as YAML."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except (yaml.YAMLError, RecursionError):
        return value
