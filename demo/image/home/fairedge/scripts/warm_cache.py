# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Warm the cache: ``--priority=high`` the list of the best, ``--all`` that of each sport, too."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
SPORTS = """
    SELECT sport, json_agg(id ORDER BY expected_value DESC) AS ids
      FROM opportunities WHERE active GROUP BY sport
"""


def main() -> int:
    """Warm what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--priority", choices=["high"])
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    if not (asked.priority or asked.all):
        parser.error("say --priority=high or --all")

    sys.path.insert(0, str(HOME / "app"))
    os.environ.setdefault("SERVICE", "warm_cache")
    os.environ.setdefault("LOG_FILE", "")

    import sqlalchemy as sa
    from services import health, settings, tasks  # type: ignore[import-not-found]

    tasks.cache_warming()
    client = health.make_cache(settings.load())
    if asked.all and client is not None:
        with client, tasks._engine().connect() as connection:
            for sport, ids in connection.execute(sa.text(SPORTS)):
                key = f"opportunities:sport:{sport}"
                client.set(key, json.dumps(ids[:50]), ex=tasks.CACHE_SECONDS)

    return 0


if __name__ == "__main__":
    sys.exit(main())
