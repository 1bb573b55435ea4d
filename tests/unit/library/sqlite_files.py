# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SQLite files as applications leave them, and an application that uses one, for tests."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import typing as t
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ALL: t.Final = {"analyze": {}, "vacuum": {"min_free_mb": 0}, "wal": {"max_mb": 0.1}}


def make(
    path: Path, *before: str, rows: int = 3000, delete: int = 0, after: tuple[str, ...] = ()
) -> Path:
    """Make a file with one table and an index.

    ``before`` and ``after`` are statements around its rows.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in before:
            connection.execute(statement).fetchall()

        connection.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE INDEX visits_name ON visits (name)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO visits (name) VALUES (?)", ((f"{i:0200d}",) for i in range(rows))
        )
        connection.execute("COMMIT")
        connection.execute("DELETE FROM visits WHERE id <= ?", (delete,))
        for statement in after:
            connection.execute(statement).fetchall()

    return path


class Application:
    """A process that uses a file: locks of SQLite do not survive the fork of a test."""

    SCRIPT: t.ClassVar = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    print(connection.execute(line).fetchone(), flush=True)
"""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def execute(self, statement: str) -> str:
        """Run one statement and return its first row as text."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(statement + "\n")
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        """End the process as a crash does: nothing is written any more."""
        self._process.kill()
        self._process.communicate()


Start = Callable[[Path], Application]


def entry(path: Path, **aspects: t.Any) -> dict[str, t.Any]:
    return {
        "name": "app",
        "path": str(path),
        "requirements": ["R-student_success-71"],
        **(aspects or ALL),
    }


def statuses(answer: dict[str, t.Any]) -> dict[str, str]:
    return {found["check"].removeprefix("sqlite:"): found["status"] for found in answer["findings"]}


def verbs(answer: dict[str, t.Any]) -> list[tuple[str, str]]:
    return [(action["action"], action["status"]) for action in answer["actions"]]


def ask(path: Path, query: str) -> t.Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()[0]
