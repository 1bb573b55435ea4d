# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The predictor of the racing dashboard, deployed separately and loaded from its home."""

from __future__ import annotations

import csv
import io
import pickle
import typing as t
from pathlib import Path


class SimplePostRacePredictor:
    """Predicts lap times (s) from the rows of a session."""

    def __init__(self, model: Path) -> None:
        # The system's own file, verified by its checksum.
        loaded = pickle.loads(model.read_bytes())  # noqa: S301
        self.model: t.Any = loaded["model"]
        self.features: list[str] = loaded["features"]

    def read(self, text: str) -> list[list[float]]:
        """Return the feature rows of a CSV text.

        Raises ValueError that names the column or the line.
        """
        reader = csv.DictReader(io.StringIO(text))
        missing = [name for name in self.features if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"columns are missing: {', '.join(missing)}")

        rows = []

        for row in reader:
            try:
                rows.append([float(row[name]) for name in self.features])
            except (TypeError, ValueError):
                raise ValueError(
                    f"line {reader.line_num} has a value that is not a number"
                ) from None

        if not rows:
            raise ValueError("the file has no rows")

        return rows

    def predict(self, rows: list[list[float]]) -> list[float]:
        """Return a lap time for each row."""
        return [round(float(seconds), 3) for seconds in self.model.predict(rows)]
