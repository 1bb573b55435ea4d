# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that stand in two places agree."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools import suite, yamlfiles

#: What a scenario cannot do without, or would silently differ in from a run of the shipped
#: playbooks.
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

        assert {key: plain(molecule[section][key]) for key in shared} == {
            key: root[section][key] for key in shared
        }


def test_ci_runs_what_developers_run(project: Path) -> None:
    script = project / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text()

    workflow = yamlfiles.read(project / ".github" / "workflows" / "ci.yml")
    commands = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]

    assert len(commands) == 1, "the workflow does nothing of its own"
    assert commands[0].split()[-1] == ".ci/run"


def test_every_folder_of_tests_is_run(project: Path) -> None:
    folders = {
        path.parent.relative_to(project / "tests").parts[0]
        for path in project.glob("tests/*/**/test_*.py")
    }

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
    assert [core.removeprefix("ansible-core~=").rsplit(".", 1)[0] for core in cores] == [
        "2.19",
        "2.21",
    ]


def test_no_package_has_two_versions(project: Path) -> None:
    """Both environments have the same versions of the tools that they share."""
    core, tools, oldest = (
        requirement_lines(project / f"requirements{part}.txt") for part in ("", "-dev", "-oldest")
    )

    assert core and tools and oldest
    assert not core.keys() & (tools.keys() | oldest.keys()), "they begin with -r requirements.txt"
    assert oldest.items() <= tools.items()

    for path in project.glob("requirements-*.txt"):
        assert "\n-r requirements.txt\n" in path.read_text()


def test_hooks_of_git_are_the_linters_of_ci(project: Path) -> None:
    [repository] = yamlfiles.read(project / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]
    programs = [entry.split()[0] for entry in entries]

    assert all(program.startswith(".venv/bin/") for program in programs)

    linters = {
        (argv[0], *argv[1:2]) if argv[0] == "ruff" else (argv[0],)
        for argv in suite.LINTERS.values()
    }
    hooked = [tuple(entry.removeprefix(".venv/bin/").split()) for entry in entries]

    assert {
        linter for linter in linters if not any(hook[: len(linter)] == linter for hook in hooked)
    } == set()


def test_help_lists_everything_that_can_be_made(project: Path) -> None:
    said = subprocess.run(
        ["make", "--silent"], cwd=project, check=True, capture_output=True, text=True
    ).stdout
    listed = [line.split()[1] for line in said.splitlines()]
    [phony] = [
        line
        for line in (project / "Makefile").read_text().splitlines()
        if line.startswith(".PHONY:")
    ]

    assert sorted(listed) == sorted(phony.split()[1:])
    assert all(line.startswith("  make ") and len(line.split()) > 3 for line in said.splitlines())


def test_production_asks_for_keys_and_known_hosts(
    ansible: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")  # as ansible-runner and AWX do
    said = ansible("ansible-inventory", "--inventory=inventory/production.yml", "--list")
    hosts = json.loads(said.stdout)["_meta"]["hostvars"]

    assert len(hosts) == 8

    for host in hosts.values():
        assert "StrictHostKeyChecking=yes" in host["ansible_ssh_common_args"].split()
        assert "{{ upkeep_ssh_options" in host["ansible_ssh_common_args"]
        assert host["upkeep_ssh_options"] == "-o PasswordAuthentication=no"
        assert host["ansible_ssh_private_key_file"].startswith("~/.ssh/")
        assert (host["upkeep_environment"], host["ansible_host_key_checking"]) == (
            "production",
            True,
        )
        assert "ansible_password" not in host
