# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""racing: a dashboard that predicts laps of an uploaded session.

Predictor, chart and model are in its home; a release brings its own predictor and chart.
"""

from __future__ import annotations

import importlib.util
import logging
import time
import types
import typing as t
from pathlib import Path

import fastapi  # type: ignore[import-not-found]
from fastapi.responses import HTMLResponse  # type: ignore[import-not-found]

from . import accounts, forms, health, settings

LOG: t.Final = logging.getLogger("services.racing")
PREDICTOR: t.Final = "src/models/inference/simple_post_race_predictor.py"
WIDGET: t.Final = "src/dashboard/post_race_widget.py"
MODEL: t.Final = "data/models/lightgbm_baseline.pkl"
PAGE: t.Final = (
    "<!doctype html><html lang=en><title>Racing analytics</title><h1>Post-race analysis</h1>"
    "<p>POST a session as CSV, or a form with such a file, to /api/post-race/analyze.</p></html>"
)


def load_file(path: Path) -> types.ModuleType:
    """Return a Python file of the home as a module, whatever its folders are called."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


def place(home: Path, name: str) -> Path:
    """Return where a part of the code is: in the release that runs, else in the home."""
    released = Path(name)

    return released if released.is_file() else home / name


def make(
    config: settings.ServiceSettings,
) -> tuple[dict[str, health.Check], dict[str, t.Callable[..., t.Any]]]:
    """Return health checks and routes; loads the predictor and its model."""
    home = Path(config.home)
    predictor = load_file(place(home, PREDICTOR)).SimplePostRacePredictor(home / MODEL)
    widget = load_file(place(home, WIDGET))
    LOG.info("Using %s with %s", type(predictor).__name__, MODEL)

    def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    async def analyze(request: fastapi.Request) -> dict[str, t.Any]:
        visitor = accounts.is_visitor(request, config)
        began = time.monotonic()
        try:
            sent = forms.uploaded(request.headers.get("content-type", ""), await request.body())
            rows = predictor.read(sent)
        except ValueError as error:
            raise fastapi.HTTPException(status_code=422, detail=str(error)) from None

        predictions = predictor.predict(rows)
        seconds = time.monotonic() - began
        if visitor:
            LOG.info("Predictions generated: %d rows in %.3f s", len(predictions), seconds)

        chart = widget.chart(predictions)

        return {
            "count": len(predictions),
            "seconds": round(seconds, 4),
            "predictions": predictions,
            "chart": chart,
        }

    def model() -> health.Health:
        there = (home / MODEL).is_file()
        return {
            "status": "healthy" if there else "unhealthy",
            "predictor": type(predictor).__name__,
        }

    return {"model": model}, {"/": page, "POST /api/post-race/analyze": analyze}
