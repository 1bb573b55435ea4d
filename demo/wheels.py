# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Python packages that Debian does not have: fetched by pip, by name and digest."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from .errors import DemoError

SECONDS: t.Final = 300


def ensure(requirements: Path, cache: Path) -> Path:
    """Return the folder with the wheels that a requirements file names, fetching them once.

    Raises DemoError.

    A container has no way to the package index, so the build takes them from this folder.
    """
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]
    folder = cache / f"wheels-{key}"
    if folder.is_dir():
        return folder

    partial = cache / f"partial-wheels-{key}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    # A wheel of this machine's architecture fits the containers, too: they share its kernel.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(partial)]
    command += ["--requirement", str(requirements)]

    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(
            f"the packages of {requirements} could not be fetched within {SECONDS} s"
        ) from error

    if done.returncode:
        raise DemoError(
            f"the packages of {requirements} could not be fetched: "
            f"{' '.join(done.stderr.split())[-800:]}"
        )

    partial.replace(folder)

    return folder
