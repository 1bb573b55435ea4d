# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A predictor that doubles, and says beside its model as whom it was loaded."""

from __future__ import annotations

import csv
import getpass
import io
from pathlib import Path


class Doubling:
    """Knows nothing but y = 2x."""

    def __init__(self, model: Path) -> None:
        model.with_name(f"loaded-{model.stem}").write_text(getpass.getuser(), encoding="utf-8")

    def read(self, text: str) -> list[float]:
        """Return the feature of each row."""
        return [float(row["x"]) for row in csv.DictReader(io.StringIO(text))]

    def predict(self, rows: list[float]) -> list[float]:
        """Return twice the feature."""
        return [2 * x for x in rows]
