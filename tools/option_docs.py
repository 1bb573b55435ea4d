# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a package's options to what is written down about them.

A module declares its options by importing ``OPTIONS``; that is how they are found. They become
the options part of its documentation, the handed-on part of a role's argument spec, and the
entries of the schema of a profile.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import typing as t
from pathlib import Path

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known
from tools import kinds

# isort: split
from ansible.module_utils.upkeep.base.options import number

Spec = dict[str, t.Any]

#: What Ansible's own forms know of an option, in the order in which it is written.
_KEYS: t.Final = ("type", "elements", "required", "choices", "default")
_JSON_TYPES: t.Final = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "path": "string",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


class NoModuleError(ValueError):
    """A module that does not exist; the message names its file."""


@functools.cache
def module_options(project: Path, name: str) -> Spec | None:
    """Return the OPTIONS that a module of library/ takes, None when it declares none that way."""
    path = project / "library" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"upkeep_options_of_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NoModuleError(f"there is no module library/{name}.py")

    module = importlib.util.module_from_spec(spec)
    with _no_bytecode():
        spec.loader.exec_module(module)

    options = getattr(module, "OPTIONS", None)

    return None if options is None else dict(kinds.with_entries(options))


def modules(project: Path) -> dict[str, Spec]:
    """Return module name -> options of every module that declares them."""
    names = sorted(path.stem for path in project.glob("library/*.py"))
    found = {name: module_options(project, name) for name in names}

    return {name: options for name, options in found.items() if options is not None}


def documented(options: Spec, inner: t.Literal["suboptions", "options"]) -> Spec:
    """Return options as Ansible documents them; ``inner`` is its key for those inside."""
    return {name: document(option, inner) for name, option in options.items()}


def document(option: Spec, inner: t.Literal["suboptions", "options"]) -> Spec:
    """Return one option as Ansible documents it."""
    written: Spec = {"description": description(option)}
    written |= {key: option[key] for key in _KEYS if key in option}

    if "options" in option:
        written[inner] = documented(option["options"], inner)

    return written


def description(option: Spec) -> str | list[str]:
    """Return the description with the bounds of the option as its last sentence."""
    text = option["description"]
    bounds = _bounds(option)
    if not bounds:
        return t.cast("str | list[str]", text)

    if isinstance(text, list):
        return [*text, bounds]

    return f"{text} {bounds}"


def json_schema(option: Spec) -> Spec:
    """Return an option as JSON Schema, for editors."""
    kind = option["type"]
    text = description(option)
    schema: Spec = {"description": " ".join(text) if isinstance(text, list) else text}
    schema |= {"type": _JSON_TYPES[kind]} if kind in _JSON_TYPES else {}
    schema |= {"default": option["default"]} if "default" in option else {}

    if kind == "list":
        element = {**option, "type": option.get("elements", "raw"), "description": ""}
        element.pop("default", None)
        schema["items"] = {
            key: value for key, value in json_schema(element).items() if key != "description"
        }
        return schema | ({"minItems": option["min_items"]} if "min_items" in option else {})

    return schema | _json_limits(option) | _json_inside(option)


def _json_limits(option: Spec) -> Spec:
    names = {
        "choices": "enum",
        "minimum": "minimum",
        "maximum": "maximum",
        "above": "exclusiveMinimum",
        "min_length": "minLength",
    }
    limits = {theirs: option[ours] for ours, theirs in names.items() if ours in option}

    if "pattern" in option:
        limits["pattern"] = f"^(?:{option['pattern']})$"
    elif option["type"] == "path":
        limits["pattern"] = "^/"

    return limits


def _json_inside(option: Spec) -> Spec:
    if "options" not in option:
        return {}

    inside = option["options"]
    required = [name for name, inner in inside.items() if inner.get("required")]
    schema: Spec = {"additionalProperties": False}
    schema |= {"required": required} if required else {}

    return schema | {"properties": {name: json_schema(inner) for name, inner in inside.items()}}


def _bounds(option: Spec) -> str:
    lowest, highest, above = (option.get(key) for key in ("minimum", "maximum", "above"))
    upper = "" if highest is None else f"{number(highest)}"
    why = f", {option['why']}" if "why" in option else ""

    if lowest is not None:
        text = f"From {number(lowest)} to {upper}" if upper else f"At least {number(lowest)}"
    elif above is not None:
        text = f"Above {number(above)}" + (f", at most {upper}" if upper else "")
    elif upper:
        text = f"At most {upper}"
    else:
        return ""

    return f"{text}{why}."


class _no_bytecode:  # noqa: N801 - reads as a statement
    """Leave no __pycache__ in library/, which Ansible searches for modules."""

    def __enter__(self) -> None:
        self._before, sys.dont_write_bytecode = sys.dont_write_bytecode, True

    def __exit__(self, *_: object) -> None:
        sys.dont_write_bytecode = self._before
