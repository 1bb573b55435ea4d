# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run leaves is for its owner and group, also where the umask is open."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from upkeep import private
from upkeep.kpi import open_history
from upkeep.kpi.figures import address_of
from upkeep.report import render
from upkeep.run import events
from upkeep.store import open_store


@pytest.fixture(autouse=True)
def _open_umask() -> t.Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_missing_folders_are_made_and_others_left_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private.make_folders(tmp_path / "store/runs/a")
    private.make_folders(tmp_path / "store/runs/a")

    assert mode(tmp_path) == 0o755
    assert {mode(tmp_path / name) for name in ("store", "store/runs", "store/runs/a")} == {0o750}


def test_the_log_and_what_is_made_from_it(tmp_path: Path) -> None:
    events.append(tmp_path / "events.jsonl", "run_started")
    events.append(tmp_path / "events.jsonl", "run_finished")
    render.render(tmp_path)

    assert len(events.read(tmp_path / "events.jsonl")) == 2
    assert {mode(path) for path in tmp_path.iterdir()} == {0o640}


def test_databases(tmp_path: Path) -> None:
    open_history(address_of(str(tmp_path))).close()
    run = log.write(tmp_path / "local" / log.RUN_ID, log.weekly())
    open_store(f"sqlite:///{tmp_path}/runs.sqlite").save(render.render(run).parent)

    assert {mode(path) for path in tmp_path.glob("*.sqlite")} == {0o640}
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_a_copy_in_a_store(tmp_path: Path) -> None:
    run = log.write(tmp_path / "local" / log.RUN_ID, log.weekly())
    open_store(str(tmp_path / "store")).save(run)
    assert mode(tmp_path / "store/runs" / log.RUN_ID) == 0o750
