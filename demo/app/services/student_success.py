# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""student_success: says which students need help.

Models, PostgreSQL, and SQLite for its small edition.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import pickle
import sqlite3
import time
import typing as t
from pathlib import Path

import fastapi  # type: ignore[import-not-found]
import sqlalchemy as sa
from fastapi.responses import HTMLResponse  # type: ignore[import-not-found]

from . import accounts, forms, health, settings

LOG: t.Final = logging.getLogger("services.student_success")
MODELS: t.Final = "results/models"
SMALL_EDITION: t.Final = "mvp_data.db"
RISKS: t.Final = ("low", "medium", "high")
PAGE: t.Final = (
    "<!doctype html><html lang=en><title>Student success</title><h1>Which students need help?</h1>"
    "<p>POST a list of students as JSON, or a form with a CSV file, to /api/predictions.</p></html>"
)


class RiskModels:
    """The two models, loaded from files that only this system writes."""

    def __init__(self, folder: Path) -> None:
        self.binary, self.multi = (
            self._load(folder / f"{name}_model.pkl") for name in ("binary", "multi")
        )
        self.features: list[str] = self.binary["features"]

    @staticmethod
    def _load(path: Path) -> dict[str, t.Any]:
        # The system's own file, verified by its checksum.
        loaded: dict[str, t.Any] = pickle.loads(path.read_bytes())  # noqa: S301
        return loaded

    def assess(self, students: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """Return probability, class and the weight of each feature.

        Raises KeyError, TypeError or ValueError.
        """
        rows = [[float(student[name]) for name in self.features] for student in students]
        chances = self.binary["model"].predict_proba(rows)[:, 1]
        classes = self.multi["model"].predict(rows)
        weights = self.binary["model"].feature_importances_
        explanation = {
            name: round(float(weight), 3)
            for name, weight in zip(self.features, weights, strict=True)
        }

        return [
            {
                "id_student": student.get("id_student"),
                "risk_probability": round(float(chance), 4),
                "risk": RISKS[int(level)],
                "explanation": explanation,
            }
            for student, chance, level in zip(students, chances, classes, strict=True)
        ]


def students_of(content_type: str, body: bytes) -> list[dict[str, t.Any]]:
    """Return the students of a JSON list, or of a CSV file in a form; raises ValueError."""
    if not content_type.lower().startswith(forms.FORM):
        listed: list[dict[str, t.Any]] = json.loads(body)
        return listed
    return list(csv.DictReader(io.StringIO(forms.uploaded(content_type, body))))


def make(
    config: settings.ServiceSettings, engine: sa.engine.Engine | None
) -> tuple[dict[str, health.Check], dict[str, t.Callable[..., t.Any]]]:
    """Return health checks and routes; loads the models and opens the small edition's database."""
    home = Path(config.home)
    models = RiskModels(home / MODELS)
    small = sqlite3.connect(home / SMALL_EDITION, check_same_thread=False, timeout=health.TIMEOUT)
    LOG.info("Models loaded from %s", MODELS)

    def small_edition() -> health.Health:
        try:
            small.execute("SELECT count(*) FROM uploads").fetchone()
        except sqlite3.Error as error:
            return {"status": "unhealthy", "error": str(error)}
        return {"status": "healthy"}

    def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    def notifications(response: fastapi.Response) -> dict[str, t.Any]:
        if engine is None:
            response.status_code = 503
            return {"status": "unhealthy"}

        try:
            with engine.connect() as connection:
                waiting = connection.execute(
                    sa.text("SELECT count(*) FROM notifications WHERE sent_at IS NULL")
                ).scalar_one()
        except sa.exc.SQLAlchemyError as error:
            response.status_code = 503
            return {"status": "unhealthy", "error": type(error).__name__}

        return {"status": "healthy", "waiting": int(waiting)}

    async def predict(request: fastapi.Request) -> dict[str, t.Any]:
        visitor = accounts.is_visitor(request, config)
        began = time.monotonic()
        try:
            students = students_of(request.headers.get("content-type", ""), await request.body())
            found = models.assess(students)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"a list of students with {', '.join(models.features)} is expected: {error!r}"
            raise fastapi.HTTPException(status_code=422, detail=detail) from None

        seconds = time.monotonic() - began
        if visitor:
            with small:
                small.execute(
                    "INSERT INTO uploads (rows, seconds) VALUES (?, ?)", (len(found), seconds)
                )

        return {"count": len(found), "seconds": round(seconds, 4), "predictions": found}

    routes: dict[str, t.Callable[..., t.Any]] = {
        "/": page,
        "/api/notifications/health": notifications,
        "POST /api/predictions": predict,
    }

    return {"small_edition": small_edition}, routes
