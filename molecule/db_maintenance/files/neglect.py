# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a demo database into the state of one that nobody looks after.

Run as postgres: neglect.py DATABASE.
"""

from __future__ import annotations

import contextlib
import sys

import psycopg2
from psycopg2 import errors

#: By database: the statements that neglect it, the table, and the index of which a rebuild is
#: interrupted.
CASES = {
    "fairedge_prod": (
        [
            "CREATE TABLE planted (id bigint PRIMARY KEY, note text)"
            " WITH (autovacuum_enabled = off)",
            "INSERT INTO planted SELECT i, md5(i::text) FROM generate_series(1, 200000) i",
            "CREATE INDEX idx_planted_note ON planted (note)",
            "DELETE FROM planted WHERE id % 10 <> 0",
        ],
        "planted",
        "idx_planted_note",
    ),
    "hyperopt": (
        [
            "ALTER TABLE optimization_results SET (autovacuum_enabled = off)",
            "INSERT INTO optimization_results (strategy_id, score, created_at, timestamp)"
            " SELECT 1, 0, now(), now() + i * interval '1 minute'"
            " FROM generate_series(1, 200000) i",
            "DELETE FROM optimization_results WHERE timestamp > now() AND id % 10 <> 0",
        ],
        "optimization_results",
        "idx_results_timestamp",
    ),
}


def main(database: str) -> None:
    """Neglect the database, then break off a rebuild."""
    statements, table, index = CASES[database]
    person, service = (psycopg2.connect(dbname=database) for _ in range(2))
    person.autocommit = True
    cursor = person.cursor()
    for statement in statements:
        cursor.execute(statement)

    # A service that writes holds the rebuild back until its patience is at an end.
    service.cursor().execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
    cursor.execute("SET lock_timeout = '200ms'")
    with contextlib.suppress(errors.LockNotAvailable):
        cursor.execute(f"REINDEX INDEX CONCURRENTLY {index}")

    service.rollback()


if __name__ == "__main__":
    main(sys.argv[1])
