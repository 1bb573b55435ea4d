# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does a value that was read from JSON have the shape of one of our types?"""

from __future__ import annotations

import functools
import types
import typing as t


def conforms(value: t.Any, hint: t.Any) -> bool:
    """Return whether a value fits a type made of TypedDict, list, dict, unions and JSON scalars.

    A mapping may hold keys that the type does not know: a newer version may have written them.
    """
    if t.is_typeddict(hint):
        return isinstance(value, dict) and all(
            name in value and conforms(value[name], inner) for name, inner in _fields(hint)
        )

    origin, arguments = t.get_origin(hint), t.get_args(hint)
    if origin in (t.Union, types.UnionType):
        return any(conforms(value, each) for each in arguments)
    if origin is list:
        return isinstance(value, list) and all(conforms(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            conforms(name, arguments[0]) and conforms(item, arguments[1])
            for name, item in value.items()
        )

    return _is_scalar(value, hint)


@functools.cache
def _fields(hint: t.Any) -> tuple[tuple[str, t.Any], ...]:
    return tuple(t.get_type_hints(hint).items())


def _is_scalar(value: t.Any, hint: t.Any) -> bool:
    """Return whether a value is of a plain type; a whole number is a float too, a bool is not."""
    if hint is None:
        return value is None
    if isinstance(value, bool):
        return hint is bool

    return isinstance(value, (int, float) if hint is float else hint)
