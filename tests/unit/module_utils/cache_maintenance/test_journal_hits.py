# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hits and lookups out of lines, whatever else stands there."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.cache_maintenance.journal_hits import HitCount, count

PATTERN = r"(?P<hits>\d+) of (?P<lookups>\d+) entries from the cache"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], HitCount(0, 0)),
        (["scraper x: 72 events, 20 of 24 entries from the cache"] * 2, HitCount(40, 48)),
        (["other", "\x00", "9 of x entries from the cache"], HitCount(0, 0)),
        (["x" * 10_000 + " 1 of 2 entries from the cache"], HitCount(0, 0)),
    ],
)
def test_lines_are_counted(lines: list[str], found: HitCount) -> None:
    assert count(lines, PATTERN) == found
