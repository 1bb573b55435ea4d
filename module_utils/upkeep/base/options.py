# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options as data: the one place that declares what an entry of a profile may hold.

A package's ``options.py`` declares each option once, with type, default, bounds and description.
The module's argument spec, its documentation, the schema of a profile and the role's argument spec
are made from that, and ``parse`` holds values against it on the host and on the controller alike.
Standard library only: this runs on hosts.
"""

from __future__ import annotations

import math
import re
import typing as t
from collections.abc import Callable, Iterator, Mapping

#: One option: Ansible's own keys of an argument spec, and ours, which Ansible is not shown.
Option = dict[str, t.Any]
Options = Mapping[str, Option]

_OURS: t.Final = (
    "description",
    "minimum",
    "maximum",
    "above",
    "pattern",
    "min_length",
    "min_items",
    "why",
)
#: Names that Ansible takes for those of secrets; ``no_log: false`` tells it that they are not.
_SOUNDS_SECRET: t.Final = re.compile(r"pass|token|secret|(^|_)keys?(_|$)|credential", re.IGNORECASE)
_NAMES: t.Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "path": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
}


class OptionError(ValueError):
    """Values that do not fit their options; one line for each problem."""


def option(
    kind: str,
    description: str | list[str],
    *,
    default: t.Any = None,
    required: bool = False,
    choices: t.Iterable[t.Any] | None = None,
    elements: str | None = None,
    options: Options | None = None,
    secret: bool | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    pattern: str | None = None,
    min_length: int | None = None,
    min_items: int | None = None,
    why: str = "",
) -> Option:
    """Declare one option.

    ``kind`` and ``elements`` are Ansible's types; ``secret`` is its ``no_log``. ``minimum`` and
    ``maximum`` are still allowed, ``above`` is not. ``pattern`` must match the whole text.
    ``min_length`` is the least length of a text, ``min_items`` of a list. ``why`` ends the
    sentence that refuses a value: "at least 1, or every run would find work". A text of type
    ``path`` must be absolute.
    """
    given: Option = {"type": kind, "description": description}
    extras = {
        "default": default,
        "choices": None if choices is None else list(choices),
        "elements": elements,
        "options": options,
        "no_log": secret,
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "pattern": pattern,
        "min_length": min_length,
        "min_items": min_items,
    }
    given |= {key: value for key, value in extras.items() if value is not None}
    given |= {"required": True} if required else {}

    return given | ({"why": why} if why else {})


def requirements() -> Option:
    """Return the option that names the requirement ids an entry serves."""
    return option(
        "list",
        "Ids of the requirements that ask for this, as C(R-<system>-<number>).",
        elements="str",
        default=[],
        pattern=r"R-[a-z_]+-[0-9]{2,3}",
    )


def argument_spec(options: Options) -> dict[str, t.Any]:
    """Return Ansible's argument spec of the options, without the keys that are ours."""
    return {
        name: {
            **({"no_log": False} if _SOUNDS_SECRET.search(name) else {}),
            **{
                key: argument_spec(value) if key == "options" else value
                for key, value in spec.items()
                if key not in _OURS
            },
        }
        for name, spec in options.items()
    }


def fill(options: Options, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``values`` with every option present: its default, or None, where it was not given."""
    filled: dict[str, t.Any] = {}
    for name, spec in options.items():
        value = values.get(name)
        value = _copy(spec.get("default")) if value is None else value
        inner = spec.get("options")

        if inner and isinstance(value, Mapping):
            value = fill(inner, value)
        elif inner and isinstance(value, list):
            value = [fill(inner, item) for item in value]

        filled[name] = value

    return filled


def parse(options: Options, values: Mapping[str, t.Any], place: str = "") -> dict[str, t.Any]:
    """Return the filled values; raises OptionError with a line for each problem."""
    if found := list(problems(options, values, place)):
        raise OptionError("\n".join(found))

    return fill(options, values)


def problems(options: Options, values: t.Any, place: str = "") -> Iterator[str]:
    """Yield a sentence for each value that does not fit; ``place`` is where the values stand."""
    if not isinstance(values, Mapping):
        yield f"{place or 'this'} is {_shown({}, values)}; it must be a mapping"
        return

    for name in sorted(map(str, set(values) - set(options))):
        yield f"{_prefix(place)}'{name}' is not a known name; {nearest(name, options)}"

    for name, spec in options.items():
        where = f"{place}.{name}" if place else name
        value = values.get(name)

        if value is not None:
            yield from _value_problems(spec, value, where)
        elif spec.get("required"):
            yield f"{_prefix(place)}'{name}' is missing"


def nearest(name: str, known: t.Iterable[str]) -> str:
    """Return the advice for an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    close = _nearest(name, names)

    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(names)}"


def holds_secret(options: Options, values: t.Any) -> bool:
    """Return whether a secret is given among values, of which some may not fit their options."""
    if not isinstance(values, Mapping):
        return bool(values)  # text that Ansible takes for a mapping, perhaps

    return any(_is_secret(spec, values[name]) for name, spec in options.items() if values.get(name))


def number(value: float) -> str:
    """Return a number for people: whole ones without point or exponent."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:g}"


def entry_place(place: str, entry: t.Any, position: int) -> str:
    """Return how the entry of a list is called in messages: by its name, else by its position."""
    name = entry.get("name") if isinstance(entry, Mapping) else None

    return f"{place} '{name}'" if isinstance(name, str) and name else f"{place}[{position}]"


def _is_secret(spec: Option, value: t.Any) -> bool:
    if "options" not in spec:
        return bool(spec.get("no_log"))
    items = value if isinstance(value, list | tuple) else [value]

    return any(holds_secret(spec["options"], item) for item in items)


def _value_problems(spec: Option, value: t.Any, place: str) -> Iterator[str]:
    kind = spec["type"]
    if not _fits(kind, value):
        must = f"it must be {_NAMES.get(kind, kind)}{_hint(kind, value)}"
        yield f"{place} is {_shown(spec, value)}; {must}"
        return

    if kind != "list" and "choices" in spec and value not in spec["choices"]:
        yield f"{place} is {_shown(spec, value)}; {_choice(value, spec['choices'])}"

    if kind in ("int", "float"):
        yield from _bound_problems(spec, value, place)
    elif kind in ("str", "path"):
        yield from _text_problems(spec, value, place)
    elif kind == "dict" and "options" in spec:
        yield from problems(spec["options"], value, place)
    elif kind == "list":
        yield from _list_problems(spec, value, place)


def _bound_problems(spec: Option, value: float, place: str) -> Iterator[str]:
    lowest, highest, above = (spec.get(key) for key in ("minimum", "maximum", "above"))
    if not math.isfinite(value):
        yield f"{place} is {value}; it must be a finite number"
    elif lowest is not None and highest is not None and not lowest <= value <= highest:
        yield f"{place} is {number(value)}; from {number(lowest)} to {number(highest)}{_why(spec)}"
    elif above is not None and value <= above:
        yield f"{place} is {number(value)}; above {number(above)}{_why(spec)}"
    elif lowest is not None and value < lowest:
        yield f"{place} is {number(value)}; at least {number(lowest)}{_why(spec)}"
    elif highest is not None and value > highest:
        yield f"{place} is {number(value)}; at most {number(highest)}{_why(spec)}"


def _text_problems(spec: Option, value: str, place: str) -> Iterator[str]:
    if "\0" in value:
        yield f"{place} holds a NUL character; leave it out"
    elif len(value) < spec.get("min_length", 0):
        yield f"{place} is empty{_why(spec)}"
    elif spec["type"] == "path" and value and not value.startswith("/"):
        yield f"{place} is {_shown(spec, value)}; it must begin with /{_why(spec)}"
    elif "pattern" in spec and not re.fullmatch(spec["pattern"], value):
        yield f"{place} is {_shown(spec, value)}; it must match {spec['pattern']}{_why(spec)}"


def _list_problems(spec: Option, value: list[t.Any], place: str) -> Iterator[str]:
    if len(value) < spec.get("min_items", 0):
        yield f"{place} is empty; name at least {spec['min_items']}{_why(spec)}"

    element: Option = {key: spec[key] for key in _OF_ELEMENTS if key in spec}
    element["type"] = spec.get("elements", "raw")

    # Ansible lets a list have choices; they are meant for its elements.
    for position, item in enumerate(value):
        yield from _value_problems(element, item, entry_place(place, item, position))


#: What an option for a list says of its elements.
_OF_ELEMENTS: t.Final = (
    "choices", "pattern", "min_length", "options", "why", "minimum", "maximum", "above", "no_log",
)  # fmt: skip
_TYPES: t.Final[Mapping[str, Callable[[t.Any], bool]]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "path": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list | tuple),
    "dict": lambda value: isinstance(value, Mapping),
}


def _fits(kind: str, value: t.Any) -> bool:
    return kind not in _TYPES or _TYPES[kind](value)


def _nearest(name: str, names: list[str]) -> list[str]:
    import difflib  # only where something is misspelled: it takes time to import

    return difflib.get_close_matches(name, names, 1)


def _choice(value: t.Any, choices: list[t.Any]) -> str:
    close = _nearest(str(value), list(map(str, choices)))

    return f"did you mean '{close[0]}'?" if close else f"choose one of {choices}"


def _hint(kind: str, value: t.Any) -> str:
    if isinstance(value, str) and kind in ("int", "float", "bool"):
        return " (-e name=value always gives text: use -e '{\"name\": value}')"

    return ""


def _shown(spec: Option, value: t.Any) -> str:
    """Return a value for a message, which goes to logs: secrets are masked."""
    from .redact import MASK, redact  # only where something is wrong: it takes time to import

    if spec.get("no_log"):
        return MASK
    text = redact(repr(value))

    return text if len(text) <= 80 else f"{text[:77]}..."


def _prefix(place: str) -> str:
    return f"{place}: " if place else ""


def _why(spec: Option) -> str:
    return f", {spec['why']}" if "why" in spec else ""


def _copy(default: t.Any) -> t.Any:
    return default.copy() if isinstance(default, list | dict) else default
