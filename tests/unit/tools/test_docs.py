# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generated pages: what they show, and that staleness is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import docs, playbook_page, role_readme
from tools.pages import bring_up_to_date, cell, move_links

SPEC = """\
argument_specs:
  main:
    short_description: Rotate
    options:
      rotate_logs:
        type: list
        elements: dict
        required: true
        description: [What to rotate., "Names | paths."]
        options:
          keep_days: {type: int, default: 30, description: Days.}
      rotate_state:
        type: str
        choices: [present, absent]
        default: present
        description: Here C(or) not.
"""
STAGE = """\
- name: Gate
  hosts: systems
  tags: always
  tasks:
    - name: Try
      block:
        - name: Ask
          ansible.builtin.include_role: {name: gate}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of one role and one playbook that imports a stage."""
    files = {
        "roles/rotate/meta/argument_specs.yml": SPEC,
        "docs/roles/rotate.md": "# rotate\n\nSee [why](../architecture.md) and [web](https://example.org/x).\n",
        "playbooks/weekly.yml": "---\n# Once a week.\n- name: G\n"
        "  ansible.builtin.import_playbook: stages/gate.yml\n"
        "- name: Rotate\n  hosts: cleared\n  roles: [{role: rotate, tags: rotate}]\n",
        "playbooks/stages/gate.yml": STAGE,
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return tmp_path


def test_readme_shows_prose_and_every_option(project: Path) -> None:
    page = role_readme.render(project, "rotate", SPEC)

    assert page.startswith("# rotate\n")
    assert "[why](../../docs/architecture.md) and [web](https://example.org/x)" in page
    assert (
        "| `rotate_logs` | list of dict | **required** | What to rotate. Names \\| paths. |" in page
    )
    assert "| `rotate_logs[].keep_days` | int | `30` | Days. |" in page
    assert (
        "| `rotate_state` | str | `present` | Here `or` not. One of `present`, `absent`. |" in page
    )


def test_a_role_without_prose_is_named(project: Path) -> None:
    (project / "docs/roles/rotate.md").unlink()
    rendered, problems = docs.pages(project)
    assert [path.name for path in rendered] == ["playbooks.md"]
    assert problems[0].startswith("docs/roles/rotate.md is missing")


def test_playbook_page_looks_into_imports_and_blocks(project: Path) -> None:
    page = playbook_page.render(project)

    assert "## [weekly](../playbooks/weekly.yml)\n\nOnce a week.\n" in page
    assert page.index(
        "| Gate | `systems` | [gate](../roles/gate/README.md) | `always` |"
    ) < page.index("| Rotate |")
    assert "stages/gate.yml" not in page


def test_stale_pages_are_found_and_written_once(project: Path) -> None:
    pages, _ = docs.pages(project)

    stale = bring_up_to_date(pages, write=False)

    assert sorted(path.name for path in stale) == ["README.md", "main.yml", "playbooks.md"]
    assert bring_up_to_date(pages, write=True) == stale
    assert bring_up_to_date(pages, write=False) == []


def test_cells_and_links_survive_the_move() -> None:
    assert cell("a\n b|c") == "a b\\|c"
    assert (
        move_links("[a](x.md#part) [b](#here) [c](/abs)", "docs/roles", "docs")
        == "[a](roles/x.md#part) [b](#here) [c](/abs)"
    )
