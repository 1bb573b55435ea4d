# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Train the models for schools, whose marks say less: ``train_k12_models.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from students import SEED, train_both  # type: ignore[import-not-found]

if __name__ == "__main__":
    train_both(Path(sys.argv[1]), SEED + 1, noise=2.0, trees=80)
