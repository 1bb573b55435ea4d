# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of a profile as cells of a table: what all descriptions share.

Entries are filled before they are described: every option is present, with its default or None, so
no default is written here a second time.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known
from upkeep.profile import lists

# isort: split
from ansible.module_utils.upkeep.base.options import fill

Entry = Mapping[str, t.Any]
#: Cells of one row, and the ids that ask for it.
Row = tuple[list[str], Sequence[str]]
NONE: t.Final = "-"


class Section(t.NamedTuple):
    """The table of one list: its heading, a sentence, all columns but the last, and the rows."""

    heading: str
    about: str
    head: tuple[str, ...]
    rows: Callable[[Sequence[Entry]], Iterator[Row]]


def filled(name: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of the list ``system_<name>`` with all options of its package."""
    inner = _option(f"system_{name}")["options"]

    return [fill(inner, entry) for entry in entries]


def code(text: t.Any) -> str:
    """Return text as code."""
    return f"`{text}`"


def codes(values: t.Iterable[t.Any]) -> str:
    """Return several texts as code, with commas."""
    return ", ".join(map(code, values))


def plain(names: t.Iterable[str]) -> str:
    """Return names as words, with commas."""
    return ", ".join(names).replace("_", " ")


def when(*entries: Entry) -> str:
    """Return the cadences of the innermost entry that names some, else ``always``."""
    named: Sequence[str] = next(
        (entry["cadences"] for entry in reversed(entries) if entry.get("cadences")), ()
    )

    return ", ".join(named).replace("_", "-") or "always"


def limits(entry: Entry, side: str = "above", unit: str = "") -> list[str]:
    """Return the cells of the limits ``warning`` and ``critical``."""
    return [
        NONE if entry.get(level) is None else f"{side} {entry[level]:g}{unit}"
        for level in ("warning", "critical")
    ]


def _option(variable: str) -> Entry:
    """Return the option that a variable of a profile becomes."""
    for package in lists.packages().values():
        for name, given in package.variables.items():
            if given == variable:
                option: Entry = package.options[name]
                return option

    raise KeyError(variable)
