# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mark by which a person accepts a host."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.upkeep import acceptance

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "upkeep" / "accepted.json"


def test_a_host_is_new_until_somebody_accepts_it(mark: Path) -> None:
    assert acceptance.read(mark) is None
    assert not acceptance.is_accepted(mark)

    acceptance.write(mark, "ada", "r1")

    accepted = acceptance.read(mark)
    assert accepted
    assert accepted["by"] == "ada"
    assert acceptance.is_accepted(mark)
    assert json.loads(mark.read_text())["run_id"] == "r1"
    assert stat.S_IMODE(mark.stat().st_mode) == 0o644


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"by": "ada"}', "\x00", "[" * 60_000])
def test_a_damaged_mark_accepts_nothing(mark: Path, text: str) -> None:
    mark.parent.mkdir()
    mark.write_text(text)

    assert not acceptance.is_accepted(mark)


@as_root
def test_a_mark_of_somebody_else_accepts_nothing(mark: Path) -> None:
    acceptance.write(mark, "ada", "r1")
    os.chown(mark, 65534, 65534)

    assert not acceptance.is_accepted(mark)


@as_root
def test_a_mark_behind_a_link_of_somebody_else_accepts_nothing(mark: Path, tmp_path: Path) -> None:
    acceptance.write(mark, "ada", "r1")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    (theirs / "accepted.json").symlink_to(mark)

    assert not acceptance.is_accepted(theirs / "accepted.json")
