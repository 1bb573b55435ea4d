# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the generated pages: README.md of each role and docs/playbooks.md. ``--check`` only says which are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools import PROJECT, playbook_page, role_readme
from tools.pages import bring_up_to_date


def pages(project: Path) -> dict[Path, str]:
    """Return path -> text of docs/playbooks.md and of all README.md; raises RoleError naming all missing prose."""
    rendered = {project / "docs" / "playbooks.md": playbook_page.render(project)}
    problems = []
    for role in role_readme.role_names(project):
        try:
            rendered[project / "roles" / role / "README.md"] = role_readme.render(project, role)
        except role_readme.RoleError as error:
            problems.append(str(error))
    if problems:
        raise role_readme.RoleError("\n".join(problems))
    return rendered


def main(argv: list[str] | None = None) -> int:
    """Write or check the pages; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    arguments = parser.parse_args(argv)
    try:
        stale = bring_up_to_date(pages(PROJECT), write=not arguments.check)
    except role_readme.RoleError as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        state = "is stale; run `make docs`" if arguments.check else "written"
        print(f"{path.relative_to(PROJECT)} {state}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
