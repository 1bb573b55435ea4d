# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turn whatever an event log holds into values that are safe to print, to store and to render.

Nothing here raises: a value of the wrong kind becomes the empty value of its kind.
"""

from __future__ import annotations

import json
import re
import typing as t
from datetime import UTC, datetime

from ansible.module_utils.upkeep.findings import LONGEST_LINE, MOST_LINES

from upkeep.run.types import Scalar

#: Longest text kept, in characters: names (hosts, checks), scalars (observed, expected), messages
#: and diffs.
NAME, SCALAR, LONG = 200, 500, 4000

# Control characters, lone surrogates and bidirectional overrides: unsafe in a terminal, in XML and
# in a database.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def line(value: t.Any) -> str:
    """Return ``value`` as one line of text, as names of hosts, checks and tasks are."""
    return " ".join(clean(value, NAME).split())


def lines_of(value: t.Any) -> list[str]:
    """Return the lines of a log that people shall read, oldest first, as safe text."""
    given = value[-MOST_LINES:] if isinstance(value, (list, tuple)) else []

    return [" ".join(clean(text).split())[:LONGEST_LINE] for text in given]


def clean(value: t.Any, limit: int = LONG) -> str:
    """Return ``value`` as safe text of at most ``limit`` characters."""
    if value is None:
        return ""

    text = value if isinstance(value, str) else _as_json(value)
    left_off = len(text) - limit
    if left_off > 0:
        text = f"{text[:limit]} ... ({left_off} more characters)"

    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))


def _as_json(value: t.Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "(a value that cannot be shown)"


def scalar(value: t.Any) -> Scalar:
    """Return a JSON scalar for ``observed`` and ``expected``; whatever is not one becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) < 1e18:
        return value

    return clean(value, SCALAR)


def number(value: t.Any) -> float:
    """Return a finite number of at least 0; 0.0 for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e18:
        return float(value)
    return 0.0


def finite(value: t.Any) -> float | None:
    """Return a number that is not absurdly large (1e18); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e18:
        return None

    return float(value)


def names(value: t.Any) -> list[str]:
    """Return a list of cleaned names from a list or from comma separated text."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        return []
    return [name for name in (line(item) for item in items) if name]


def moment(value: t.Any) -> datetime | None:
    """Return the UTC time of an ISO 8601 text, or None when it is not one."""
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def mapping(value: t.Any) -> t.Mapping[str, t.Any]:
    """Return a mapping as it is; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def stamp(when: datetime | None) -> str | None:
    """Return the one text form of a time in records: UTC, milliseconds, ``Z``."""
    return None if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
