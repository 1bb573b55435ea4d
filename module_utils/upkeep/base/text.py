# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small helpers for names and for text that people read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence


def duplicates(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once, in alphabetical order."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def list_some(items: Sequence[object], most: int = 10) -> str:
    """Return the items as text, ``a, b, c and 4 more``, with at most ``most`` of them named."""
    named = ", ".join(map(str, items[:most]))
    rest = len(items) - most

    return f"{named} and {rest} more" if rest > 0 else named


def limit_text(text: str, most: int) -> str:
    """Return the text, cut to ``most`` characters with an ellipsis as the last of them."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def contains_words(text: str, words: str) -> bool:
    """Return whether ``words`` occur in the text as whole words.

    ``v1`` is not in ``v10`` or ``v1.2``.
    """
    before = r"(?<!\w)" if words[:1].isalnum() else ""
    after = r"(?!\w|\.\d)" if words[-1:].isalnum() else ""

    return re.search(f"{before}{re.escape(words)}{after}", text) is not None


def visible(text: str) -> str:
    """Return the text with every character that would not be printed written as its escape."""
    if text.isprintable():
        return text

    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of all values do not exceed.

    ``values`` need not be sorted and must not be empty (nearest-rank method).
    """
    ranked = sorted(values)
    rank = max(1, -(-len(ranked) * percent // 100))

    return ranked[int(rank) - 1]
