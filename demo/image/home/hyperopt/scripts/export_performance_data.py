# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print how the strategies did in the last 30 days, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg2

HOME = Path(__file__).resolve().parents[1]
RESULTS = """
    SELECT s.name, count(r.id), avg(r.score)::float8, max(r.score)::float8
      FROM strategies AS s
      LEFT JOIN optimization_results AS r
        ON r.strategy_id = s.id AND r."timestamp" > now() - interval '30 days'
     GROUP BY s.name ORDER BY s.name
"""


def database_url() -> str:
    """Return the address of the database, as the application's environment file has it."""
    lines = (HOME / ".env.production").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)

    # The driver's name after the plus sign is SQLAlchemy's.
    return settings["DATABASE_URL"].replace("+psycopg2", "", 1)


def main() -> int:
    """Ask the database and print; returns the exit code."""
    connection = psycopg2.connect(database_url(), connect_timeout=10)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(RESULTS)
            rows = cursor.fetchall()
    finally:
        connection.close()

    names = ("strategy", "results", "mean_score", "best_score")
    json.dump([dict(zip(names, row, strict=True)) for row in rows], sys.stdout, indent=1)

    return 0


if __name__ == "__main__":
    sys.exit(main())
