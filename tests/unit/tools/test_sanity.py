# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Staging the modules for ansible-test: names as in a collection, nothing lost or downloaded."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import PROJECT, sanity
from tools.process import CommandOutcome


@pytest.mark.parametrize(
    ("source", "staged"),
    [
        (
            "from ansible.module_utils.upkeep.base import files",
            "from ansible_collections.upkeep.staged.plugins.module_utils.upkeep.base import files",
        ),
        ("see M(record_findings)", "see M(upkeep.staged.record_findings)"),
        ("see M(ansible.builtin.copy)", "see M(ansible.builtin.copy)"),
        (
            "extends_documentation_fragment: [effects, lock]",
            "extends_documentation_fragment: [upkeep.staged.effects, upkeep.staged.lock]",
        ),
    ],
)
def test_plugins_name_each_other_as_a_collection_does(source: str, staged: str) -> None:
    assert sanity.as_in_collection(source) == staged


def test_every_module_is_staged_and_still_python(tmp_path: Path) -> None:
    root = sanity.stage(tmp_path)
    modules = {path.name for path in (root / "plugins" / "modules").iterdir()}

    assert modules == {path.name for path in (PROJECT / "library").glob("*.py")}
    for path in root.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))


def test_pip_is_installed_by_what_python_brings(tmp_path: Path) -> None:
    home = sanity.home(tmp_path)
    [script] = (home / ".ansible/test/cache").iterdir()
    assert "ensurepip" in script.read_text()


@pytest.mark.parametrize(
    ("code", "output", "good"),
    [(0, "Running sanity test", True), (0, "WARNING: All targets skipped.", False), (1, "", False)],
)
def test_a_run_that_tested_nothing_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, output: str, good: bool
) -> None:
    log = tmp_path / "log"
    log.write_text(output)
    monkeypatch.setattr(sanity, "run_logged", lambda *_, **__: CommandOutcome(code, 1.0, log))
    monkeypatch.setattr(sanity, "CACHE", tmp_path)
    assert sanity.run() is good


@pytest.mark.parametrize("path", sorted((PROJECT / "library").glob("*.py")), ids=lambda p: p.stem)
def test_authors_have_the_form_that_ansible_asks_for(path: Path) -> None:
    assert "Upkeep contributors (!UNKNOWN)" in path.read_text(encoding="utf-8")
