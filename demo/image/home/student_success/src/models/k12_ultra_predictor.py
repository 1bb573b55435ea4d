# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test what a training left: ``k12_ultra_predictor.py FOLDER``.

Each model must tell a student who does well from one who does not.
"""

from __future__ import annotations

import pickle
import sys
import typing as t
from pathlib import Path

GOOD: t.Final = [95.0, 350.0, 30.0]
BAD: t.Final = [5.0, 10.0, 120.0]


def main(folder: Path) -> int:
    """Return 0 when every model of the folder predicts as it must, 1 otherwise."""
    files = sorted(folder.glob("*_model.pkl"))
    failed = [path.name for path in files if not tells_apart(path)]
    print(f"{len(files)} models tested, failed: {', '.join(failed) or 'none'}")

    return 1 if failed or not files else 0


def tells_apart(path: Path) -> bool:
    """Return whether a model gives the two students their risk."""
    # The system's own file, which its own training has just made.
    model = pickle.loads(path.read_bytes())["model"]  # noqa: S301
    good, bad = model.predict([GOOD, BAD])

    return bool(good == 0 and bad > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
