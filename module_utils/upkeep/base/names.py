# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that a profile gives its entries: findings are called after them, so each stands there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def twice(names: Iterable[str]) -> list[str]:
    """Return the names that stand there more than once, in order of the alphabet."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
