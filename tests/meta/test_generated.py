# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generated pages say what their sources say today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import docs, trace
from tools.pages import bring_up_to_date


def test_readmes_and_playbook_page_are_fresh(project: Path) -> None:
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


def test_the_guides_are_complete(project: Path) -> None:
    rows = trace.read_requirements(project / "docs" / "requirements.csv")
    assert len(rows) == 644
    assert trace.count(trace.Trace(rows, {}, {}, {}), rows).automated == 539
