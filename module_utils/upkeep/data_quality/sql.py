# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parts of queries, and of their descriptions, that several kinds use."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

#: PostgreSQL has a type for these, SQLite keeps numbers.
_BOOLEANS: t.Final = {True: ("true", "1"), False: ("false", "0")}


def where(
    conditions: Mapping[str, t.Any],
    prefix: str,
    names: dict[str, t.Sequence[str]],
    values: dict[str, t.Any],
) -> str:
    """Return `` WHERE ...`` for columns that must have given values, '' for none.

    Adds the identifiers to ``names`` and the values to ``values``, under names with the prefix.
    """
    parts = []
    for number, (column, value) in enumerate(conditions.items()):
        name = f"{prefix}_{number}"
        names[name] = (column,)
        forms = _BOOLEANS[value] if isinstance(value, bool) else (str(value),)
        bound = {f"{name}_{form}": text for form, text in enumerate(forms)}
        values.update(bound)
        listed = ", ".join(f"%({key})s" for key in bound)
        parts.append(f"CAST({{{name}}} AS text) IN ({listed})")

    return f" WHERE {' AND '.join(parts)}" if parts else ""


def place(entry: Mapping[str, t.Any]) -> str:
    """Return where the data of an entry are, as Markdown."""
    return f"`{entry.get('database') or entry.get('sqlite') or entry.get('folder')}`"
