# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""trailblaze's scraper: ``python3 -m services.scrapers aerc_calendar``.

Pages, what is made of them, and their cache.

Four kinds of cache entries, by name: ``NAME_MONTH.html`` (a page), ``NAME_MONTH.json`` (its
events), ``comparison_NAME_MONTH.json`` (events against the database), ``gemini_DIGEST.json`` (an
outside service's answer). An entry ends when its kind's life time is over, counted from
``fetched_at`` or the file's time. SCRAPER_REFRESH fetches all anew, SCRAPER_VALIDATE compares rows
with events, SCRAPER_DEBUG logs each entry; each is ``true`` or not set.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import os
import sys
import typing as t
from pathlib import Path

import sqlalchemy as sa

from . import health, logs, settings
from .pages import Cache, Event, events_of, months, page

LOG: t.Final = logging.getLogger("services.scrapers")
KEEP: t.Final = """
    INSERT INTO events (name, location, date_start, date_end, distance_miles)
    VALUES (:name, :location, :date_start, :date_end, :distance_miles)
    ON CONFLICT (name, date_start) DO UPDATE SET location = excluded.location, updated_at = now()
     WHERE events.location <> excluded.location
"""
RECORD: t.Final = """
    INSERT INTO scraper_runs
           (scraper, status, started_at, finished_at, events, cache_hits, cache_misses, message)
    VALUES (:scraper, :status, :started_at, now(), :events, :hits, :misses, :message)
"""


def scrape_month(
    name: str, first: dt.date, cache: Cache, engine: sa.engine.Engine, validate: bool
) -> int:
    """Bring one month in the database up to date; return the number of its events.

    Raises ValueError on a mismatch.
    """
    stem = f"{name}_{first:%Y-%m}"

    def structure() -> str:
        return json.dumps({"fetched_at": _now(), "events": events_of(source)}, indent=1)

    def compare() -> str:
        return json.dumps({"compared_at": _now(), "events": len(events), "changed": changed})

    def ask() -> str:
        return json.dumps(
            {"asked_at": _now(), "question": question, "answer": f"{len(events)} rides."}
        )

    source = cache.get(f"{stem}.html", "html", lambda: page(first))
    events: list[Event] = json.loads(cache.get(f"{stem}.json", "json", structure))["events"]
    rows = source.count("<tr>")
    if validate and rows != len(events):
        raise ValueError(
            f"{stem}: the page has {rows} rows, {len(events)} events were made of them"
        )

    with engine.begin() as connection:
        changed = sum(connection.execute(sa.text(KEEP), event).rowcount for event in events)

    cache.get(f"comparison_{stem}.json", "comparison", compare)
    question = f"Describe the rides of {first:%B %Y}."
    cache.get(f"gemini_{hashlib.sha256(question.encode()).hexdigest()[:12]}.json", "gemini", ask)

    return len(events)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _switch(name: str) -> bool:
    return os.environ.get(name, "").lower() == "true"


def main(name: str) -> int:
    """Run one scraper and keep its state; returns the exit code."""
    config = settings.load()
    logs.configure(config)
    if _switch("SCRAPER_DEBUG"):
        LOG.setLevel(logging.DEBUG)

    engine = health.make_engine(config)
    if engine is None:
        raise SystemExit("scrapers need DATABASE_URL")

    cache = Cache(Path(config.home) / "cache", _switch("SCRAPER_REFRESH"))
    run: dict[str, t.Any] = {"scraper": name, "started_at": dt.datetime.now(dt.UTC)}

    try:
        validate = _switch("SCRAPER_VALIDATE")
        found = [
            scrape_month(name, first, cache, engine, validate)
            for first in months(dt.datetime.now(dt.UTC).date())
        ]
        run |= {"events": sum(found), "status": "ok", "message": ""}
    except (OSError, ValueError) as error:
        run |= {"events": 0, "status": "failed", "message": str(error)}
        LOG.error("scraper %s failed: %s", name, error)

    with engine.begin() as connection:
        connection.execute(sa.text(RECORD), {**run, "hits": cache.hits, "misses": cache.misses})

    LOG.info(
        "scraper %s: %d events, %d of %d entries from the cache",
        name, run["events"], cache.hits, cache.hits + cache.misses,
    )  # fmt: skip

    return 0 if run["status"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "aerc_calendar"))
