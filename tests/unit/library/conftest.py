# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project with tests, for the tests of app_tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from library import app_tests
from tests.unit.library.app_projects import Project
from tests.unit.library.module_calls import caller

#: What a Python needs to run pytest.
PARTS: t.Final = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


@pytest.fixture(scope="session")
def site() -> Iterator[list[str]]:
    """Give the folders in which the project's Python finds pytest; everybody may read them."""
    if os.geteuid() != 0:
        yield []
        return

    with tempfile.TemporaryDirectory(prefix="upkeep-site-") as name:
        Path(name).chmod(0o755)
        for part in PARTS:
            spec = importlib.util.find_spec(part)
            source = Path(spec.origin) if spec and spec.origin else None
            if source and source.stem == "__init__":
                shutil.copytree(source.parent, Path(name) / part)
            elif source:
                shutil.copy(source, name)

        yield [name]


@pytest.fixture
def shop(
    site: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """Give an empty project that everybody may read.

    Afterwards no scratch folder of its tests may be left.
    """
    with tempfile.TemporaryDirectory(prefix="upkeep-project-") as name:
        folder, scratch = Path(name) / "shop", Path(name) / "scratch"
        Path(name).chmod(0o755)
        for path in (folder, scratch):
            path.mkdir(mode=0o755)

        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        yield Project(folder, site, caller(app_tests, capsys))

        assert list(scratch.iterdir()) == [], "a run left its folder behind"
