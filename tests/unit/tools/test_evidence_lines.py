# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests saw is kept, and is missed when it is not seen again."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests import evidence
from tools import evidence_lines
from tools.evidence_lines import Line

FOUND = {
    "check": "memory:memory",
    "status": "warning",
    "expected": "at most 90",
    "requirements": ["R-alpha-01", "R-beta-01"],
}
LINE = Line("R-alpha-01", "memory:memory", "at most 90", "tests/unit/test_a.py::test_memory")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, for which a test of it collects lines."""
    (tmp_path / "tests").mkdir()
    monkeypatch.setenv(evidence.FOLDER, str(evidence_lines.start(tmp_path)))

    return tmp_path


def add(found: dict[str, t.Any]) -> None:
    """Hand in a finding as a test of another project does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_CURRENT_TEST", "tests/unit/test_a.py::test_memory[x 90] (call)")
        evidence.add("alpha", [found, found])


def test_a_finding_is_a_line_for_each_requirement_of_its_system(project: Path) -> None:
    add(FOUND)
    add(FOUND)

    assert evidence_lines.seen(project) == {LINE}


def test_what_could_not_be_judged_shows_nothing(project: Path) -> None:
    add({**FOUND, "status": "unknown"})

    assert evidence_lines.seen(project) == set()


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.delenv(evidence.FOLDER)
    add(FOUND)

    assert evidence_lines.seen(project) == set()


def test_a_line_that_is_not_seen_again_is_missed(project: Path) -> None:
    other = LINE._replace(figure="at most 80")
    evidence_lines.write(project, [other, LINE, LINE])
    add(FOUND)

    assert evidence_lines.committed(project) == [other, LINE]
    assert evidence_lines.unseen(project, ["tests/unit"]) == [other]
    assert evidence_lines.unseen(project, ["tests/fleet"]) == []


def test_a_new_run_starts_without_lines(project: Path) -> None:
    add(FOUND)
    evidence_lines.start(project)

    assert evidence_lines.seen(project) == set()
