# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a system's profile (its ``system_*`` variables) in words that help.

Names and figures of the system itself are held against system.schema.yml; each list goes through
the parser of the package that gets it on the host. profile.schema.yml has both in one, for editors.
"""

from __future__ import annotations

import difflib
import functools
import typing as t
from pathlib import Path

import yaml

from upkeep.profile import lists

SCHEMA: t.Final = Path(__file__).with_name("system.schema.yml")
PREFIX: t.Final = "system_"


@functools.cache
def schema() -> dict[str, t.Any]:
    """Return the JSON Schema of a profile; what a package checks has no more than its name here."""
    own = _read(SCHEMA)
    names: dict[str, t.Any] = {name: {} for name in sorted(lists.variables())}

    return {**own, "properties": {**own["properties"], **names}}


@functools.cache
def validator() -> t.Any:
    """Return what holds a profile against the schema.

    Raises ImportError on a controller without jsonschema.
    """
    import jsonschema

    whole = schema()

    return jsonschema.Draft202012Validator(_resolved(whole, whole["$defs"]))


def select(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return only the profile's variables."""
    return {name: variables[name] for name in variables if name.startswith(PREFIX)}


def unknown_names(profile: t.Iterable[str]) -> list[str]:
    """Return one sentence for each variable that the schema does not know.

    Values are not examined.
    """
    known = sorted(schema()["properties"])

    return [_misspelled("", name, known) for name in sorted(set(profile) - set(known))]


def problems(profile: t.Mapping[str, t.Any]) -> list[str]:
    """Return what is wrong with a profile, one sentence for each place; empty when it fits."""
    found = validator().iter_errors(dict(profile))
    errors = sorted(found, key=lambda error: [str(part) for part in error.absolute_path])
    components = schema()["$defs"]["component"]["enum"]

    return [
        *(sentence for error in errors for sentence in _explain(error)),
        *lists.problems(profile, components),
    ]


def _resolved(part: t.Any, definitions: t.Mapping[str, t.Any]) -> t.Any:
    """Return a part of the schema with its references resolved; following them takes most time."""
    if isinstance(part, list):
        return [_resolved(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rpartition("/")[2]], definitions)

    return {key: _resolved(value, definitions) for key, value in part.items() if key != "$defs"}


def _read(path: Path) -> dict[str, t.Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = path.read_text(encoding="utf-8")
    loaded: dict[str, t.Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader

    return loaded


def _explain(error: t.Any) -> list[str]:
    place = _place(error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        return [
            _misspelled(place, name, known) for name in sorted(set(error.instance) - set(known))
        ]

    if error.validator == "required":
        return [
            f"{place or 'profile'}: "
            + error.message.replace(" is a required property", " is missing")
        ]

    if error.validator == "type":
        requested = _kinds(error.validator_value)
        return [
            f"{place}: {error.instance!r} is {_kind(error.instance)},"
            f" but must be {requested}{_hint(error)}"
        ]

    if error.validator == "enum":
        close = difflib.get_close_matches(
            str(error.instance), [str(v) for v in error.validator_value], 1
        )
        advice = (
            f"; did you mean '{close[0]}'?" if close else f"; choose one of {error.validator_value}"
        )
        return [f"{place}: {error.instance!r} is not known{advice}"]

    return [f"{place}: {error.message}"]


def _place(path: t.Iterable[t.Any]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _misspelled(place: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    advice = f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(known)}"
    return f"{place + ': ' if place else ''}'{name}' is not a known name; {advice}"


_WORDS: t.Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def _kinds(names: str | list[str]) -> str:
    return " or ".join(_WORDS[name] for name in ([names] if isinstance(names, str) else names))


def _kind(value: t.Any) -> str:
    for kind, word in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return _WORDS[word]

    return "nothing"


def _hint(error: t.Any) -> str:
    if isinstance(error.instance, str) and error.validator_value in (
        "integer",
        "number",
        "boolean",
    ):
        return " (variables given as -e name=value are always text: use -e '{\"name\": value}')"

    return ""
