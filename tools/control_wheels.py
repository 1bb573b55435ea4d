# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch what a control host on Debian 12 needs: ``python -m tools.control_wheels``.

It prints the folder. A control host without a way to a package index installs from it:
``.venv/bin/pip install --no-index --find-links FOLDER -r requirements.txt``.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tools import PROJECT
from tools.setup import PIP_HINT, find_python

#: The Python of Debian 12.
VERSION: t.Final = "3.11"
SECONDS: t.Final = 600


class WheelError(Exception):
    """The wheels cannot be fetched; the message says what is missing."""


def ensure(cache: Path = PROJECT / ".cache") -> Path:
    """Return the folder with all wheels of requirements.txt, fetching them once.

    Raises WheelError.
    """
    requirements = PROJECT / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]
    folder = cache / f"control-wheels-{key}"
    if folder.is_dir():
        return folder

    python = _python()
    partial = cache / f"partial-control-wheels-{key}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--dest", str(partial), "-r", str(requirements)]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise WheelError(f"pip: {' '.join(done.stderr.split())[-600:]}. {PIP_HINT}")

    partial.replace(folder)

    return folder


def _python() -> str:
    """Return a Python of the right version that has pip; raises WheelError."""
    made = PROJECT / ".venv-core219" / "bin" / "python"
    python = str(made) if made.exists() else find_python(VERSION)
    if python is None:
        raise WheelError(f"there is no Python {VERSION} here, which decides what is needed")

    return python


def main() -> int:
    """Print the folder; 1 with a line when it cannot be made."""
    try:
        print(ensure())
    except (WheelError, OSError, subprocess.TimeoutExpired) as error:
        print(f"control_wheels: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
