# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch the one collection that a playbook here needs: ``python -m tools.awx_collection``.

awx.awx comes out of the package ``ansible`` on the package index, so that Galaxy is not needed.
It is put beside controller/configure_awx.yml, where Ansible finds it, and into no commit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import typing as t
import zipfile
from pathlib import Path, PurePosixPath

from tools import PROJECT

#: The last line of releases that has awx.awx; 14 dropped it.
PACKAGE: t.Final = "ansible==12.3.0"
VERSION: t.Final = "24.6.1"
INSIDE: t.Final = "ansible_collections/awx/awx/"
COLLECTIONS: t.Final = PROJECT / "controller" / "collections"
MARK: t.Final = ".upkeep-version"
SECONDS: t.Final = 600


class CollectionError(Exception):
    """The collection cannot be fetched; the message says why."""


def ensure(collections: Path = COLLECTIONS) -> bool:
    """Bring the collection when it is missing; return whether it was. Raises CollectionError."""
    place = collections / INSIDE
    mark = place / MARK
    if mark.is_file() and mark.read_text(encoding="ascii") == VERSION:
        return False

    with tempfile.TemporaryDirectory(prefix="upkeep-awx-") as folder:
        _unpack(_wheel(Path(folder)), Path(folder) / "out")
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(folder) / "out" / INSIDE, place)

    mark.write_text(VERSION, encoding="ascii")

    return True


def _wheel(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]

    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CollectionError(f"{PACKAGE} was not fetched within {SECONDS} s") from error

    if done.returncode:
        raise CollectionError(f"{PACKAGE}: {' '.join(done.stderr.split())[-400:]}")

    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    """Write the files of the collection, and nothing else of the package."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(INSIDE)]
        if not names:
            raise CollectionError(f"{wheel.name} has no {INSIDE}")
        if any(".." in PurePosixPath(name).parts for name in names):
            raise CollectionError(f"{wheel.name} holds a path that leaves its folder")
        archive.extractall(folder, names)


def main() -> int:
    """Fetch it; 1 with a line when that fails."""
    try:
        print("awx.awx was fetched" if ensure() else "awx.awx is there")
    except (CollectionError, OSError, zipfile.BadZipFile) as error:
        print(f"awx_collection: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
