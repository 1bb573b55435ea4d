# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is a cached entry what its class says? What is read was written by others."""

from __future__ import annotations

import functools
import json
import re
import typing as t
from collections.abc import Callable

from ..base import json_items
from .settings import EntryClass

Read = Callable[[str], str | None]


def fault_of(kind: EntryClass, name: str, read: Read) -> str:
    """Return what is wrong with an entry, '' when it is valid.

    ``read`` returns the text of a file of the folder, None when it cannot be read.
    """
    text = read(name)
    if text is None:
        return "it cannot be read"

    if kind.items:
        return _items_fault(kind, name, text, read)
    if kind.json and _object(text) is None:
        return "it is not a JSON object"
    if kind.row_pattern:
        return _rows_fault(kind, text)

    return "" if text else "it is empty"


def change_in(kind: EntryClass, text: str | None) -> float:
    """Return how much an entry says has changed; 0 when it says nothing."""
    value: t.Any = (_object(text or "") or {}).get(kind.changed_field or "")

    return float(value) if json_items.TYPES["number"](value) else 0.0


def _object(text: str) -> dict[str, t.Any] | None:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return None

    return loaded if isinstance(loaded, dict) else None


def _rows_fault(kind: EntryClass, text: str) -> str:
    rows = _count(kind.row_pattern or "", text)
    if not rows:
        return "it has no rows"
    if kind.structure_pattern and _count(kind.structure_pattern, text) != rows:
        return "its rows do not look as they did"

    return ""


def _items_fault(kind: EntryClass, name: str, text: str, read: Read) -> str:
    found = json_items.of(text, kind.items or "")
    if found is None:
        return f"it is not a JSON object with a list '{kind.items}'"
    if fault := json_items.first_fault(found, kind.fields):
        return fault

    page = read(page_of(kind, name)) if kind.pages and kind.row_pattern else None
    rows = len(found) if page is None else _count(kind.row_pattern or "", page)

    return "" if rows == len(found) else f"its page has {rows} rows, it has {len(found)}"


def page_of(kind: EntryClass, name: str) -> str:
    """Return the name of the page that an entry was made of."""
    before, after = kind.files.split("*")
    stem = name[len(before) : len(name) - len(after)]

    return (kind.pages or "").replace("*", stem)


def _count(pattern: str, text: str) -> int:
    return sum(1 for _ in _compiled(pattern).finditer(text))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
