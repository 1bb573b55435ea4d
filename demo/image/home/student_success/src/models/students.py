# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the trainings of this folder share: students whose risk is known, and what is left."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import typing as t
from collections.abc import Mapping
from pathlib import Path

import numpy as np  # type: ignore[import-not-found]
from sklearn.ensemble import GradientBoostingClassifier  # type: ignore[import-not-found]
from sklearn.metrics import accuracy_score, f1_score  # type: ignore[import-not-found]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found]

FEATURES: t.Final = ("early_avg_score", "early_total_clicks", "studied_credits")
ROWS: t.Final = 2000
SEED: t.Final = 20260201


def students(seed: int, noise: float) -> tuple[t.Any, t.Any]:
    """Return feature rows and the risk class of each student: 0 low, 1 medium, 2 high."""
    random = np.random.default_rng(seed)
    score, clicks = random.uniform(0, 100, ROWS), random.uniform(0, 400, ROWS)
    credits = random.choice([30, 60, 90, 120], ROWS)
    strength = score + 0.1 * clicks - 0.1 * credits + random.normal(0, noise, ROWS)
    rows = np.column_stack([score, clicks, credits]).astype(float)

    return rows, np.digitize(-strength, [-65, -40])


def train_both(folder: Path, seed: int, noise: float, trees: int) -> None:
    """Train the two models, at risk or not and how much, and leave them with their figures."""
    rows, classes = students(seed, noise)
    train, test, known, held_out = train_test_split(
        rows, classes, test_size=0.25, random_state=seed
    )
    binary = GradientBoostingClassifier(n_estimators=trees, random_state=seed)
    multi = GradientBoostingClassifier(n_estimators=trees, random_state=seed)
    binary.fit(train, known > 0)
    multi.fit(train, known)
    figures = {
        "binary_accuracy": accuracy_score(held_out > 0, binary.predict(test)),
        "multi_f1_score": f1_score(held_out, multi.predict(test), average="macro"),
    }
    leave(folder, {"binary_model": binary, "multi_model": multi}, figures)


def leave(folder: Path, models: Mapping[str, t.Any], figures: Mapping[str, float]) -> None:
    """Write models and the figures of their training into a folder, made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        content = pickle.dumps({"model": model, "features": list(FEATURES)}, protocol=4)
        (folder / f"{name}.pkl").write_bytes(content)

    facts = {
        **{name: round(float(value), 4) for name, value in figures.items()},
        "training_date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "feature_count": len(FEATURES),
    }
    text = json.dumps(facts, indent=2) + "\n"
    (folder / "model_metadata.json").write_text(text, encoding="utf-8")
