# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write all files that are generated from sources of the project.

These are kinds/__init__.py of packages with kinds of checks, doc_fragments/<module>.py, the
generated part of each role's argument spec, its defaults/main.yml and README.md,
upkeep/profile/profile.schema.yml, docs/playbooks.md, docs/deviations.md,
docs/people/, docs/systems/ and controller/rendered/. ``--check`` only names
those that are stale.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tools import (
    PROJECT,
    deviation_page,
    doc_fragments,
    evidence,
    guide_figures,
    kinds,
    people_page,
    playbook_page,
    profile_schema,
    profiles,
    role_readme,
    role_specs,
    system_page,
    trace,
)
from tools.pages import bring_up_to_date
from upkeep.controller import files as controller_files


def pages(project: Path) -> tuple[dict[Path, str], list[str]]:
    """Return path -> text of every generated file, and what is wrong with their sources."""
    rendered = doc_fragments.render_all(project)
    if (project / profile_schema.SOURCE).is_file():
        rendered[project / profile_schema.TARGET] = profile_schema.render()

    rendered |= kinds.render_all(project)
    rendered[project / "docs" / "playbooks.md"] = playbook_page.render(project)
    if (project / guide_figures.FOLDER).is_dir():
        rendered[project / "docs" / "deviations.md"] = deviation_page.render(project)

    rendered |= _controller_files(project)
    in_use = evidence.variables_in_use(project)
    for system in profiles.systems(project):
        rendered[project / "docs" / "systems" / f"{system}.md"] = system_page.render(
            project, system, in_use
        )

    requirements = project / "docs" / "requirements.csv"
    rows = trace.read_requirements(requirements) if requirements.is_file() else []
    for system in sorted({row.system for row in rows} & set(profiles.systems(project))):
        rendered[project / "docs" / "people" / f"{system}.md"] = people_page.render(
            project, system, rows
        )

    problems = _pages_without_source(project, rendered)
    for role in role_readme.role_names(project):
        try:
            rendered |= _files_of_role(project, role)
        except (role_readme.RoleError, role_specs.SpecError) as error:
            problems.append(str(error))

    return rendered, problems


def _controller_files(project: Path) -> dict[Path, str]:
    """Return the files for AWX and Semaphore, of a project that has settings for them."""
    settings = project / "controller" / "settings.yml"
    if not settings.is_file():
        return {}

    data = controller_files.server_data(
        settings, project / "schedule.yml", project / "inventory" / "group_vars"
    )

    return {
        project / "controller" / "rendered" / name: text
        for name, text in controller_files.contents(data).items()
    }


def _files_of_role(project: Path, role: str) -> dict[Path, str]:
    folder = project / "roles" / role
    spec = role_specs.render_spec(project, role)
    defaults = role_specs.render_defaults(role, spec)

    return {
        role_specs.spec_path(project, role): spec,
        folder / "defaults" / "main.yml": defaults,
        folder / "README.md": role_readme.render(project, role, spec),
    }


def _pages_without_source(project: Path, rendered: dict[Path, str]) -> list[str]:
    orphans = sorted(set((project / "docs" / "systems").glob("*.md")) - rendered.keys())

    return [f"{page.relative_to(project)} describes no system: remove it" for page in orphans]


def main(argv: list[str] | None = None) -> int:
    """Write or check the pages; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a page is stale"
    )
    arguments = parser.parse_args(argv)
    new = bring_up_to_date(kinds.render_all(PROJECT), write=not arguments.check)
    if new and not arguments.check:
        # This process has imported the old list of kinds, from which the rest is made.
        os.execv(sys.executable, [sys.executable, "-m", "tools.docs"])  # noqa: S606 - ourselves

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
