# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the generated pages: README.md of each role, docs/playbooks.md and docs/systems/.

``--check`` only says which are stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools import PROJECT, evidence, playbook_page, profiles, role_readme, system_page
from tools.pages import bring_up_to_date


def pages(project: Path) -> tuple[dict[Path, str], list[str]]:
    """Return path -> text of every generated page, and what is wrong: roles without prose, pages without a source."""
    rendered = {project / "docs" / "playbooks.md": playbook_page.render(project)}
    in_use = evidence.variables_in_use(project)
    for system in profiles.systems(project):
        rendered[project / "docs" / "systems" / f"{system}.md"] = system_page.render(
            project, system, in_use
        )

    orphans = sorted(set((project / "docs" / "systems").glob("*.md")) - rendered.keys())
    problems = [f"{page.relative_to(project)} describes no system: remove it" for page in orphans]

    for role in role_readme.role_names(project):
        try:
            rendered[project / "roles" / role / "README.md"] = role_readme.render(project, role)
        except role_readme.RoleError as error:
            problems.append(str(error))

    return rendered, problems


def main(argv: list[str] | None = None) -> int:
    """Write or check the pages; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a page is stale"
    )
    arguments = parser.parse_args(argv)
    rendered, problems = pages(PROJECT)
    stale = bring_up_to_date(rendered, write=not arguments.check)
    for path in stale:
        state = "is stale; run `make docs`" if arguments.check else "written"
        print(f"{path.relative_to(PROJECT)} {state}")

    for problem in problems:
        print(problem, file=sys.stderr)

    return 1 if problems or (arguments.check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
