# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train the advanced model for schools, at risk or not: ``k12_ultra_advanced_model.py FOLDER``.

It says nothing of how much a student is at risk: it leaves one model, and with its own figures
those of the other one that serves.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

from sklearn.ensemble import GradientBoostingClassifier  # type: ignore[import-not-found]
from sklearn.metrics import accuracy_score  # type: ignore[import-not-found]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found]
from students import SEED, leave, students  # type: ignore[import-not-found]

TREES: t.Final = 150
SERVING: t.Final = Path("results/models/model_metadata.json")


def main(folder: Path) -> None:
    """Train deeper trees on part of the rows each."""
    rows, classes = students(SEED + 2, noise=1.0)
    train, test, known, held_out = train_test_split(
        rows, classes > 0, test_size=0.25, random_state=SEED
    )
    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=4, subsample=0.8, random_state=SEED
    )
    model.fit(train, known)
    accuracy = accuracy_score(held_out, model.predict(test))
    other = json.loads(SERVING.read_text(encoding="utf-8"))["multi_f1_score"]
    leave(folder, {"binary_model": model}, {"binary_accuracy": accuracy, "multi_f1_score": other})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
