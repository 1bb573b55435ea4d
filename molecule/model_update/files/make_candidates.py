# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train models like the demo's: ``make_candidates.py FOLDER NAME TREES [NAME TREES ...]``."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, "/usr/local/lib/demo")

import lightgbm  # type: ignore[import-not-found]
import train  # type: ignore[import-not-found]
from sklearn.metrics import r2_score  # type: ignore[import-not-found]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found]


def make(folder: Path, trees: int, parts: t.Sequence[t.Any]) -> None:
    """Train a model of so many trees and leave it with its figures."""
    fitted, test, known, held_out = parts
    model = lightgbm.LGBMRegressor(
        n_estimators=trees,
        learning_rate=0.05,
        random_state=train.SEED,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    ).fit(fitted, known)
    train.FLOOR = 0.0
    train.keep(folder, "lightgbm_baseline.pkl", model, train.RACING)
    train.describe(folder, {"r2": r2_score(held_out, model.predict(test))}, train.RACING)


def main() -> None:
    """Make all that is asked for, below one folder."""
    rows, seconds = train.laps()
    parts = train_test_split(rows, seconds, test_size=0.25, random_state=train.SEED)
    folder, *asked = sys.argv[1:]
    for name, trees in zip(asked[::2], asked[1::2], strict=True):
        make(Path(folder) / name, int(trees), parts)


if __name__ == "__main__":
    main()
