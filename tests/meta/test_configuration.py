# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that stand in two places agree."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any

from tools import suite, yamlfiles

#: What a scenario cannot do without, or would silently differ in from a run of the shipped playbooks.
SHARED_SETTINGS = {
    "defaults": {
        "roles_path",
        "library",
        "module_utils",
        "action_plugins",
        "filter_plugins",
        "callback_plugins",
        "inject_facts_as_vars",
        "host_key_checking",
    },
    "ssh_connection": {"pipelining"},
}


def plain(value: Any) -> str:
    """Return a setting as text that compares: project paths relative, booleans in lower case."""
    text = str(value).replace("${MOLECULE_PROJECT_DIRECTORY}/", "")
    return text.lower() if text in ("True", "False") else text


def requirement_lines(path: Path) -> dict[str, list[str]]:
    """Return name -> specifiers (without markers) of a requirements file."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        specifier = line.split(";")[0].strip()
        if specifier and not specifier.startswith(("#", "-")):
            found.setdefault(specifier.split("~=")[0], []).append(specifier)
    return found


def test_molecule_runs_with_the_settings_of_the_project(project: Path) -> None:
    root = configparser.ConfigParser(interpolation=None)
    root.read(project / "ansible.cfg")
    molecule = yamlfiles.read(project / ".config" / "molecule" / "config.yml")["ansible"]["cfg"]
    for section, needed in SHARED_SETTINGS.items():
        assert needed <= set(root[section])
        assert needed <= set(molecule[section])
        shared = set(root[section]) & set(molecule[section])
        assert {key: plain(molecule[section][key]) for key in shared} == {key: root[section][key] for key in shared}


def test_ci_runs_what_developers_run(project: Path) -> None:
    script = project / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text()
    workflow = yamlfiles.read(project / ".github" / "workflows" / "ci.yml")
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert len(commands) == 1, "the workflow does nothing of its own"
    assert commands[0].split()[-1] == ".ci/run"


def test_every_folder_of_tests_is_run(project: Path) -> None:
    folders = {path.parent.relative_to(project / "tests").parts[0] for path in project.glob("tests/*/**/test_*.py")}
    assert folders <= set(suite.FOLDERS), "name the folder in tools/suite.py"
    assert set(suite.FOLDERS.values()) <= set(suite.PARTS)


def test_execution_environment_has_the_versions_of_the_controller(project: Path) -> None:
    wanted = requirement_lines(project / "requirements.txt")
    dependencies = yamlfiles.read(project / "execution-environment.yml")["dependencies"]
    assert dependencies["python"] == "requirements.txt"
    assert dependencies["ansible_core"]["package_pip"] in wanted["ansible-core"]
    assert dependencies["ansible_runner"]["package_pip"] in wanted["ansible-runner"]


def test_both_ends_of_the_supported_range_are_installed(project: Path) -> None:
    cores = requirement_lines(project / "requirements.txt")["ansible-core"]
    assert [core.removeprefix("ansible-core~=").rsplit(".", 1)[0] for core in cores] == ["2.19", "2.21"]
