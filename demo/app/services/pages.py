# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""trailblaze's pages, the events that are made of them, and the file cache in between."""

from __future__ import annotations

import datetime as dt
import html
import logging
import re
import time
import typing as t
from pathlib import Path

LOG: t.Final = logging.getLogger("services.scrapers")
HOUR: t.Final = 3600
LIFE: t.Final = {
    "html": 24 * HOUR,
    "json": 12 * HOUR,
    "comparison": 6 * HOUR,
    "gemini": 7 * 24 * HOUR,
}
MONTHS: t.Final = 6
RIDES: t.Final = 12  # on each page
ROW: t.Final = re.compile(
    r"<tr><td>(.+?)</td><td>(.+?)</td><td>(\S+)</td><td>(\S+)</td><td>(\d+)</td></tr>"
)

Event = dict[str, t.Any]


class Cache:
    """A folder of entries; counts what it could give and what not."""

    def __init__(self, folder: Path, refresh: bool) -> None:
        self.folder, self.refresh, self.hits, self.misses = folder, refresh, 0, 0

    def get(self, name: str, kind: str, make: t.Callable[[], str]) -> str:
        """Return an entry that is young enough, or make it and keep it whole or not at all."""
        path = self.folder / name
        if not self.refresh and path.exists() and time.time() - path.stat().st_mtime < LIFE[kind]:
            self.hits += 1
            LOG.debug("cache hit %s", name)
            return path.read_text(encoding="utf-8")

        self.misses += 1
        LOG.debug("cache miss %s", name)
        text = make()
        draft = path.with_name(f".{name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)

        return text


def page(first: dt.date) -> str:
    """Return the calendar page of one month.

    The site stands here as a function: a demo reaches nobody outside.
    """
    rows = []
    for number in range(RIDES):
        start = first + dt.timedelta(days=number * 2)
        end = start + dt.timedelta(days=number % 3)
        ride = f"Ride {number + 1} of {first:%B}"
        place = html.escape(f"Camp {(first.month * 7 + number * 3) % 40} & meadow")
        cells = (ride, place, start, end, 25 * (1 + number % 4))
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")

    return "<!doctype html><title>Calendar</title><table>\n" + "\n".join(rows) + "\n</table>\n"


def events_of(source: str) -> list[Event]:
    """Return the events of a page."""
    keys = ("name", "location", "date_start", "date_end", "distance_miles")
    return [dict(zip(keys, map(html.unescape, row), strict=True)) for row in ROW.findall(source)]


def months(today: dt.date) -> list[dt.date]:
    """Return the first days of this month and the next ones."""
    start = today.year * 12 + today.month - 1
    return [dt.date((start + ahead) // 12, (start + ahead) % 12 + 1, 1) for ahead in range(MONTHS)]
