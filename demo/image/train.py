# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train the demo systems' models, once, while the image is built: ``train.py FOLDER``.

Data and seeds are fixed, so one release of LightGBM and scikit-learn gives the same bytes each
time. A model that does not reach its floor on held-out rows ends the build.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import pickle
import sys
import typing as t
from pathlib import Path

import lightgbm  # type: ignore[import-not-found]
import numpy as np  # type: ignore[import-not-found]
from sklearn.ensemble import GradientBoostingClassifier  # type: ignore[import-not-found]
from sklearn.metrics import accuracy_score, f1_score, r2_score  # type: ignore[import-not-found]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found]

SEED: t.Final = 20260101
ROWS: t.Final = 4000
FLOOR: t.Final = 0.95  # R2, accuracy or F1 on held-out rows

#: What no feature tells of a lap, s; leaves the racing model an R2 near the one that its guide
#: names.
NOISE: t.Final = 0.2

RACING: t.Final = ("lap", "tyre_age", "fuel_kg", "track_temp", "compound")
STUDENT: t.Final = ("early_avg_score", "early_total_clicks", "studied_credits")


def laps() -> tuple[t.Any, t.Any]:
    """Return feature rows and lap times (s), shaped by tyres, fuel, heat and compound."""
    random = np.random.default_rng(SEED)
    tyre_age, compound = random.integers(0, 35, ROWS), random.integers(0, 3, ROWS)
    lap, temperature = random.integers(1, 61, ROWS), random.uniform(18, 48, ROWS)
    fuel = 105 - 1.7 * lap
    wear = np.choose(compound, [0.09, 0.06, 0.04]) * tyre_age
    seconds = 88 + 0.6 * compound + wear + 0.032 * fuel + 0.02 * (temperature - 30) ** 2 / 10
    rows = np.column_stack([lap, tyre_age, fuel, temperature, compound]).astype(float)

    return rows, seconds + random.normal(0, NOISE, ROWS)


def students() -> tuple[t.Any, t.Any]:
    """Return feature rows and the risk class of each student: 0 low, 1 medium, 2 high."""
    random = np.random.default_rng(SEED + 1)
    score, clicks = random.uniform(0, 100, ROWS), random.uniform(0, 400, ROWS)
    credits = random.choice([30, 60, 90, 120], ROWS)
    strength = score + 0.1 * clicks - 0.1 * credits + random.normal(0, 0.2, ROWS)

    return np.column_stack([score, clicks, credits]).astype(float), np.digitize(
        -strength, [-65, -40]
    )


def keep(folder: Path, name: str, model: t.Any, features: t.Sequence[str]) -> None:
    """Write a model with the names of its features."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(
        pickle.dumps({"model": model, "features": list(features)}, protocol=4)
    )


def describe(folder: Path, figures: dict[str, float], features: t.Sequence[str]) -> None:
    """Write the figures of the training beside the models.

    Raises SystemExit when one is below the floor.
    """
    if min(figures.values()) < FLOOR:
        raise SystemExit(f"a model of {folder.name} does not reach {FLOOR}: {figures}")

    facts = {
        **{name: round(value, 4) for name, value in figures.items()},
        "training_date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "feature_count": len(features),
    }
    (folder / "model_metadata.json").write_text(
        json.dumps(facts, indent=2) + "\n", encoding="utf-8"
    )


def racing(folder: Path) -> None:
    """Train the lap time model, and keep the held-out laps as the reference for drift."""
    rows, seconds = laps()
    train, test, known, held_out = train_test_split(
        rows, seconds, test_size=0.25, random_state=SEED
    )
    model = lightgbm.LGBMRegressor(
        n_estimators=200,
        learning_rate=0.05,
        random_state=SEED,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    ).fit(train, known)
    keep(folder, "lightgbm_baseline.pkl", model, RACING)
    describe(folder, {"r2": r2_score(held_out, model.predict(test))}, RACING)

    with (folder / "reference_laps.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*RACING, "lap_seconds"])
        for row, lap in zip(test, held_out, strict=True):
            writer.writerow([*(round(float(value), 2) for value in row), round(float(lap), 3)])


def student_success(folder: Path) -> None:
    """Train the two risk models: at risk or not, and how much."""
    rows, classes = students()
    train, test, known, held_out = train_test_split(
        rows, classes, test_size=0.25, random_state=SEED
    )
    binary = GradientBoostingClassifier(n_estimators=120, random_state=SEED).fit(train, known > 0)
    multi = GradientBoostingClassifier(n_estimators=120, random_state=SEED).fit(train, known)
    keep(folder, "binary_model.pkl", binary, STUDENT)
    keep(folder, "multi_model.pkl", multi, STUDENT)
    figures = {
        "binary_accuracy": accuracy_score(held_out > 0, binary.predict(test)),
        "multi_f1_score": f1_score(held_out, multi.predict(test), average="macro"),
    }
    describe(folder, figures, STUDENT)


if __name__ == "__main__":
    racing(Path(sys.argv[1]) / "racing")
    student_success(Path(sys.argv[1]) / "student_success")
