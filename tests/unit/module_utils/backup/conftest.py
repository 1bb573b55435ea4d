# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets made by the real programs, for the tests of backups."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import typing as t
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import run as runs
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue
from ansible.module_utils.upkeep.backup.settings import parse, parse_verify

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


class Shop:
    """A small host with files and a SQLite database, and the catalogue of its sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "sets"
        self.now = START
        self.app = folder / "app"
        self.app.mkdir()
        (self.app / "main.py").write_text("print('shop')\n" * 200)
        (self.app / "current").symlink_to("main.py")
        (self.app / "empty").mkdir()
        self.database = folder / "orders.db"
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute('CREATE TABLE "Odd ""name" (id INTEGER PRIMARY KEY, note TEXT)')
            rows = [(number, f"note {number}") for number in range(500)]
            connection.executemany('INSERT INTO "Odd ""name" VALUES (?, ?)', rows)
            connection.commit()

    def backup(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Make a set as the module does; options replace those of the shop."""
        values = {
            "system": "shop",
            "root": str(self.root),
            "artefacts": [self.files_artefact()],
            "free_percent": 0,
            **options,
        }
        return runs.run(parse(values), check_mode, lambda: self.now)

    def verify(self, **options: t.Any) -> dict[str, t.Any]:
        """Verify all sets as the module does."""
        values = {"system": "shop", "root": str(self.root), **options}
        return runs.verify(parse_verify(values), False, lambda: self.now)

    def files_artefact(self, **options: t.Any) -> dict[str, t.Any]:
        """Return the entry of the application's files."""
        return {"name": "files", "files": {"paths": [str(self.app)], **options}}

    def sqlite_artefact(self) -> dict[str, t.Any]:
        """Return the entry of the SQLite database."""
        return {"name": "orders", "sqlite": {"path": str(self.database)}}

    def later(self, **delta: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**delta)
        return self.now

    def catalogue(self) -> BackupCatalogue:
        """Open the catalogue."""
        return BackupCatalogue(str(self.root))

    def names(self) -> list[str]:
        """Return the names of the published sets."""
        with self.catalogue() as catalogue:
            return [one.name for one in catalogue.sets()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return the host."""
    return Shop(tmp_path)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[[str, str], None]]:
    """Give a function that puts a shell script in the place of a program, for every account."""
    with tempfile.TemporaryDirectory(prefix="upkeep-tools-") as name:
        tools = Path(name)
        tools.chmod(0o755)

        def put(program: str, body: str) -> None:
            (tools / program).write_text(f"#!/bin/sh\n{body}\n")
            (tools / program).chmod(0o755)
            monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

        yield put


def statuses(answer: dict[str, t.Any]) -> dict[str, str]:
    """Return the status of each check of an answer."""
    return {found["check"]: found["status"] for found in answer["findings"]}


def message(answer: dict[str, t.Any], check: str) -> str:
    """Return the message of one check."""
    [text] = [found["message"] for found in answer["findings"] if found["check"] == check]
    return str(text)
