# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The systems are data: playbooks and pages take one more, and do without any of them.

Nothing is contacted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tools import PROJECT, docs, profiles

Ansible = Callable[..., subprocess.CompletedProcess[str]]

NEW = "harbour"
PROFILE = PROJECT / "tests" / "scale" / "profiles" / NEW
SHIPPED = profiles.systems(PROJECT)
VALIDATE = [
    {"name": "Validate", "hosts": "systems", "gather_facts": False, "roles": [{"role": "profile"}]}
]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Return a copy of the shipped inventory with a sixth system."""
    folder = tmp_path / "inventory"
    shutil.copytree(PROJECT / "inventory", folder)
    shutil.copytree(PROFILE, folder / "group_vars" / NEW)
    lines = {
        "all": {
            "children": {
                "systems": {"children": {NEW: {"hosts": {"harbour-1": {}}}}},
                "web": {"hosts": {}},
            }
        }
    }
    lines["all"]["children"]["web"]["hosts"]["harbour-1"] = {}
    (folder / "harbour.yml").write_text(yaml.safe_dump(lines))

    return folder


def run(
    ansible: Ansible, inventory: Path, playbook: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the shipped hosts and the new one."""
    places = [f"--inventory={inventory / name}" for name in ("demo.yml", "harbour.yml")]
    return ansible("ansible-playbook", *places, playbook, *arguments)


@pytest.fixture
def validate(ansible: Ansible, inventory: Path, tmp_path: Path) -> Ansible:
    """Return a function that validates every profile, as the first stage of a playbook does."""
    playbook = tmp_path / "validate.yml"
    playbook.write_text(json.dumps(VALIDATE))
    return lambda *arguments: run(ansible, inventory, str(playbook), *arguments)


def test_a_sixth_profile_is_valid_beside_the_others(validate: Ansible) -> None:
    done = validate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "harbour-1" in done.stdout


@pytest.mark.slow
def test_the_weekly_playbook_takes_the_sixth_system(ansible: Ansible, inventory: Path) -> None:
    listed = run(
        ansible, inventory, "playbooks/weekly.yml", "--limit", NEW, "--list-hosts", "--list-tasks"
    )

    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "harbour-1" in listed.stdout
    assert "fairedge-1" not in listed.stdout


def test_a_misspelled_figure_of_the_sixth_system_is_named(
    validate: Ansible, inventory: Path
) -> None:
    logs = inventory / "group_vars" / NEW / "logs.yml"
    logs.write_text(logs.read_text().replace("keep_days", "keep_dayz"))
    done = validate("--limit", NEW)
    assert done.returncode == 2
    assert "keep_dayz" in done.stdout + done.stderr


def test_a_profile_that_was_removed_is_missed_by_name_while_its_hosts_are_there(
    validate: Ansible, inventory: Path
) -> None:
    shutil.rmtree(inventory / "group_vars" / "racing")
    done = validate("--limit", "racing")
    assert done.returncode == 2
    assert "'racing-1' belongs to no known system" in " ".join((done.stdout + done.stderr).split())


def test_a_system_can_leave(validate: Ansible, inventory: Path) -> None:
    leaving = "fairedge"  # the one with every component but models
    shutil.rmtree(inventory / "group_vars" / leaving)
    hosts = yaml.safe_load((inventory / "demo.yml").read_text())
    gone = hosts["all"]["children"]["systems"]["children"].pop(leaving)["hosts"]
    for group in hosts["all"]["children"].values():
        for host in gone:
            group.get("hosts", {}).pop(host, None)

    (inventory / "demo.yml").write_text(yaml.safe_dump(hosts))
    done = validate()

    assert done.returncode == 0, done.stdout + done.stderr
    assert not [host for host in gone if host in done.stdout]


def test_pages_follow_the_profiles(tmp_path: Path) -> None:
    for path in PROJECT.iterdir():
        if path.name not in ("inventory", "docs") and not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)

    for name in ("inventory", "docs"):
        shutil.copytree(PROJECT / name, tmp_path / name)

    shutil.copytree(PROFILE, tmp_path / "inventory" / "group_vars" / NEW)
    shutil.rmtree(tmp_path / "inventory" / "group_vars" / "racing")
    rendered, problems = docs.pages(tmp_path)
    systems = {path.stem for path in rendered if path.parent.name == "systems"}

    assert systems == {*SHIPPED, NEW} - {"racing"}
    assert "# Harbour" in rendered[tmp_path / "docs" / "systems" / f"{NEW}.md"]
    assert [problem for problem in problems if "racing" in problem] == problems, (
        "an old page is told, nothing else"
    )
