# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch what a control host on Debian needs: ``python -m tools.control_wheels [--suite trixie]``.

It prints the folder. A control host without a way to a package index installs from it:
``.venv/bin/pip install --no-index --find-links FOLDER -r requirements.txt``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tools import PROJECT
from tools.setup import PIP_HINT, find_python

#: Debian release -> its Python.
PYTHONS: t.Final = {"bookworm": "3.11", "trixie": "3.13"}
#: What wheels of binary code are built for, oldest first.
PLATFORMS: t.Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
SECONDS: t.Final = 600


class WheelError(Exception):
    """The wheels cannot be fetched; the message says what is missing."""


def ensure(suite: str = "bookworm", cache: Path = PROJECT / ".cache") -> Path:
    """Return the folder with all wheels of requirements.txt for a release, fetching them once.

    Raises WheelError.
    """
    requirements = PROJECT / "requirements.txt"
    version = PYTHONS[suite]
    key = hashlib.sha256(f"{version} {requirements.read_text()}".encode()).hexdigest()[:8]
    folder = cache / f"control-wheels-{key}"
    if folder.is_dir():
        return folder

    command = [*_pip(version), "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    partial = cache / f"partial-control-wheels-{key}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command += ["--dest", str(partial), "-r", str(requirements)]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise WheelError(f"pip: {' '.join(done.stderr.split())[-600:]}. {PIP_HINT}")

    partial.replace(folder)

    return folder


def _pip(version: str) -> list[str]:
    """Return the call of pip that fetches for a Python; raises WheelError.

    pip judges the conditions in requirements.txt for the Python that runs it. So 3.11 needs one of
    its own, while those from 3.12 on, which get the same, fetch for each other.
    """
    oldest = PROJECT / ".venv-core219" / "bin" / "python"
    if version == PYTHONS["bookworm"]:
        python = str(oldest) if oldest.exists() else find_python(version)
    else:
        python = sys.executable if sys.version_info >= (3, 12) else find_python(version)
    if python is None:
        raise WheelError(f"there is no Python {version} here, which decides what is needed")

    pip = [python, "-m", "pip", "download"]
    if version == PYTHONS["bookworm"]:
        return pip

    pip += ["--implementation=cp", f"--python-version={version}"]
    pip += [f"--abi={abi}" for abi in (f"cp{version.replace('.', '')}", "abi3", "none")]

    return pip + [f"--platform={platform}_{os.uname().machine}" for platform in PLATFORMS]


def main(arguments: list[str] | None = None) -> int:
    """Print the folder; 1 with a line when it cannot be made."""
    parser = argparse.ArgumentParser(prog="tools.control_wheels", description=__doc__)
    parser.add_argument("--suite", choices=sorted(PYTHONS), default="bookworm")
    try:
        print(ensure(parser.parse_args(arguments).suite))
    except (WheelError, OSError, subprocess.TimeoutExpired) as error:
        print(f"control_wheels: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
