# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of student_success share: the application in this process, with files of its own.

The models are those that production uses, only read. The small edition's database and all else is
made for the tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from services import api, settings  # type: ignore[import-not-found]

MODELS: t.Final = Path("/opt/student_success/results/models")
#: The sample of the maintenance guide.
STUDENTS: t.Final = [
    {"id_student": 1, "early_avg_score": 85, "early_total_clicks": 150, "studied_credits": 60},
    {"id_student": 2, "early_avg_score": 70, "early_total_clicks": 80, "studied_credits": 45},
    {"id_student": 3, "early_avg_score": 92, "early_total_clicks": 200, "studied_credits": 75},
]

Answer = tuple[int, t.Any]
Ask = t.Callable[..., Answer]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of the application: production's models, an empty small edition."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "results").mkdir()
    (folder / "results" / "models").symlink_to(MODELS)

    with sqlite3.connect(folder / "mvp_data.db") as database:
        database.execute(
            "CREATE TABLE uploads (id INTEGER PRIMARY KEY, rows INTEGER, seconds REAL)"
        )

    return folder


@pytest.fixture(scope="session")
def configuration(home: Path) -> settings.Settings:
    """Return the settings of this run: those of its environment, without an unnamed database."""
    own = {"SYSTEM": "student_success", "SERVICE": "tests", "APP_HOME": str(home)}
    return settings.load({**os.environ, **own})


@pytest.fixture(scope="session")
def students() -> list[dict[str, t.Any]]:
    """Return the sample."""
    return STUDENTS


@pytest.fixture(scope="session")
def ask(configuration: settings.Settings) -> Ask:
    """Return a function that asks the application, e.g.

    ``ask("GET", "/health")``, for status and answer.
    """
    app = api.make_app(configuration)
    return lambda method, path, body=None: asyncio.run(_ask(app, method, path, body))


@pytest.fixture
def database() -> Iterator[sa.engine.Engine]:
    """Give the test database with an empty table of notifications, and leave it as it was."""
    engine = sa.create_engine(os.environ["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS notifications"))
        connection.execute(
            sa.text("CREATE TABLE notifications (id bigint PRIMARY KEY, sent_at timestamptz)")
        )

    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE notifications"))

    engine.dispose()


async def _ask(app: t.Any, method: str, path: str, body: t.Any) -> Answer:
    """Ask an ASGI application; the answer is what its JSON says, or its text."""
    content = json.dumps(body).encode() if body is not None else b""
    said: dict[str, t.Any] = {"body": b""}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"tests")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    given = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, t.Any]:
        if not given:
            await asyncio.Event().wait()  # a client that neither says more nor goes away
        return given.pop()

    async def send(message: dict[str, t.Any]) -> None:
        said["status"] = message.get("status", said.get("status"))
        said["body"] += message.get("body", b"")

    await app(scope, receive, send)
    text = said["body"].decode()

    return said["status"], json.loads(text) if text[:1] in ("{", "[") else text
