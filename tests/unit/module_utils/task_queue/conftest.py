# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An application with a task queue for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.module_utils.task_queue.shop import Shop, opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Give an application whose broker runs; workers and beat are started by the test."""
    with opened(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def busy_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give an application with a worker and a beat, for tests that only look."""
    with opened(tmp_path_factory.mktemp("shop")) as found:
        found.worker(concurrency=2)
        found.beat()
        found.python("slow.delay('x', 600); slow.apply_async(('later', 1), countdown=600)")
        found.wait(lambda: "begin x" in found.notes)
        yield found
