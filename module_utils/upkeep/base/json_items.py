# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The items of a cached entry: a list of JSON objects whose fields have known types."""

from __future__ import annotations

import datetime as dt
import json
import re
import typing as t
from collections.abc import Callable, Mapping, Sequence

_DATE: t.Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def of(text: str, key: str) -> list[t.Any] | None:
    """Return the list that a JSON object holds under a key, None when there is none."""
    try:
        text.encode()  # bytes that are not UTF-8 are kept as surrogates, which JSON does not allow
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return None

    found = loaded.get(key) if isinstance(loaded, dict) else None

    return found if isinstance(found, list) else None


def first_fault(items: Sequence[t.Any], fields: Mapping[str, str]) -> str:
    """Return what is wrong with the first item that does not fit, '' when all fit."""
    for number, item in enumerate(items):
        if faults := faults_of(item, fields):
            return f"item {number}: {faults[0]}"

    return ""


def faults_of(item: t.Any, fields: Mapping[str, str]) -> list[str]:
    """Return which fields an item lacks or holds of another type."""
    if not isinstance(item, dict):
        return ["it is not an object"]

    faults = []
    for name, kind in fields.items():
        if name not in item:
            faults.append(f"{name} is missing")
        elif not TYPES[kind](item[name]):
            faults.append(f"{name} is not of type {kind}")

    return faults


def _is_number(value: t.Any) -> bool:
    """Return whether a value is a finite number; text that holds one counts."""
    if isinstance(value, str):
        try:
            return value.strip() == value and abs(float(value)) < float("inf")
        except ValueError:
            return False

    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    )


def _is_whole(value: t.Any) -> bool:
    if isinstance(value, int):  # one of hundreds of digits does not fit a float
        return not isinstance(value, bool)

    return _is_number(value) and float(value).is_integer()


def _is_date(value: t.Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False

    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False

    return True


def _is_time(value: t.Any) -> bool:
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value) is not None
    except ValueError:
        return False


#: Names of types, as a profile gives them, to their tests.
TYPES: t.Final[Mapping[str, Callable[[t.Any], bool]]] = {
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "number": _is_number,
    "whole": _is_whole,
    "flag": lambda value: isinstance(value, bool),
    "date": _is_date,
    "time": _is_time,
    "list": lambda value: isinstance(value, list),
    "mapping": lambda value: isinstance(value, dict),
}
