# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generated pages say what their sources say today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import docs, trace
from tools.pages import bring_up_to_date


def test_generated_files_are_fresh(project: Path) -> None:
    rendered, problems = docs.pages(project)
    stale = bring_up_to_date(rendered, write=False)

    assert problems == []
    assert [path.relative_to(project).as_posix() for path in stale] == [], "run `make docs`"


def test_requirement_page_is_fresh(project: Path) -> None:
    page = {project / trace.PAGE: trace.render(trace.collect(project))}
    assert bring_up_to_date(page, write=False) == [], "run `make trace`"


def test_demo_inventory_is_fresh(project: Path) -> None:
    argv = [sys.executable, "-m", "demo", "render-inventory", "--check"]
    result = subprocess.run(argv, cwd=project, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_generated_files_say_so(project: Path) -> None:
    rendered, _ = docs.pages(project)
    written = {
        path: text
        for path, text in rendered.items()
        if path.name != "argument_specs.yml" or "BEGIN GENERATED" in text
    }
    silent = [
        path.relative_to(project).as_posix()
        for path, text in written.items()
        if "generated" not in "\n".join(text.splitlines()[:4]).lower()
    ]

    assert silent == []


def test_every_requirement_is_on_its_page_once(project: Path) -> None:
    rows = trace.read_requirements(project / "docs" / "requirements.csv")
    lines = (project / trace.PAGE).read_text(encoding="utf-8").splitlines()
    ids = [row.id for row in rows]
    shown = [line.split("|")[1].strip() for line in lines if line.startswith("| R-")]

    assert len(set(ids)) == len(ids)
    assert sorted(shown) == sorted(ids)
