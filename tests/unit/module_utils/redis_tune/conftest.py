# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real server for each test that asks for one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.module_utils.redis_tune.server import RedisServer, running


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server with a file of its own."""
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that other accounts can reach, as the folders of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
