# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the benchmarks in bench/: ``python -m tools.bench [NAME]``.

Each prints one closing line ``bench NAME ...``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import PROJECT
from tools.process import environment


def benchmarks(project: Path) -> list[str]:
    """Return the names of all benchmarks: the modules of bench/ without leading underscore."""
    return sorted(path.stem for path in project.glob("bench/*.py") if not path.stem.startswith("_"))


def main(argv: list[str] | None = None) -> int:
    """Run one or all benchmarks; returns the exit code."""
    requested = sys.argv[1:] if argv is None else argv
    known = benchmarks(PROJECT)
    unknown = [name for name in requested if name not in known]
    if unknown or not known:
        print(
            f"no such benchmark: {', '.join(unknown) or 'any'};"
            f" there are: {', '.join(known) or 'none'}",
            file=sys.stderr,
        )
        return 2

    codes = [
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", f"bench.{name}"], cwd=PROJECT, env=environment(), check=False
        ).returncode
        for name in requested or known
    ]

    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
