# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong before a run begins is named, with what to change. No host is contacted."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo import fleet
from tools import PROJECT

Ansible = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Return a copy of the shipped inventory."""
    return Path(shutil.copytree(PROJECT / "inventory", tmp_path / "inventory"))


@pytest.fixture
def look(ansible: Ansible, inventory: Path) -> Callable[..., str]:
    """Return a function that starts a run on one system that must end in its first stage."""

    def run(*arguments: str) -> str:
        place = f"--inventory={inventory / 'production.yml'}"
        done = ansible(
            "ansible-playbook", place, "playbooks/hourly.yml", "--limit", "fairedge", *arguments
        )

        assert done.returncode != 0
        assert "PLAY [Preflight]" not in done.stdout, (
            "a run with bad input must end before a host is contacted"
        )

        return " ".join((done.stdout + done.stderr).split())

    return run


def test_a_misspelled_name_is_told_before_what_it_breaks(
    look: Callable[..., str], inventory: Path
) -> None:
    figures = inventory / "group_vars" / "fairedge" / "main.yml"
    figures.write_text(figures.read_text().replace("system_api_port:", "system_api_prot:"))
    assert "'system_api_prot' is not a known name; did you mean 'system_api_port'?" in look()


def test_text_where_a_number_belongs_is_told_with_its_place(look: Callable[..., str]) -> None:
    assert "system_api_port: '80' is text, but must be a whole number" in look(
        "-e", "system_api_port=80"
    )


def test_a_slip_in_a_variable_of_a_role_is_told(look: Callable[..., str]) -> None:
    assert (
        "'preflight_acept' is not a variable of a role; did you mean 'preflight_accept'?"
        in look("-e", "preflight_acept=1")
    )


def test_a_host_without_a_system_is_told(look: Callable[..., str], inventory: Path) -> None:
    shutil.rmtree(inventory / "group_vars" / "fairedge")
    told = look()
    assert "host 'fairedge-1' belongs to no known system" in told
    assert "inventory/group_vars/<system>/" in told


@pytest.mark.parametrize("given", ["none", "wrong"])
def test_a_vault_that_does_not_open_is_named(
    ansible: Ansible, look: Callable[..., str], inventory: Path, given: str
) -> None:
    right, wrong, vault = (
        inventory / "right",
        inventory / "wrong",
        inventory / "group_vars/production/vault.yml",
    )
    right.write_text("right")
    wrong.write_text("wrong")
    vault.write_text("vault_x: 1\n")
    ansible("ansible-vault", "encrypt", f"--vault-password-file={right}", str(vault))
    told = look(*([f"--vault-password-file={wrong}"] if given == "wrong" else []))

    assert f"'{vault}' is encrypted, and the passwords of this run do not open it" in told
    assert "--vault-password-file" in told


def test_a_file_that_is_no_yaml_is_named_with_its_line(
    look: Callable[..., str], inventory: Path
) -> None:
    broken = inventory / "group_vars" / "fairedge" / "broken.yml"
    broken.write_text("---\nsystem_user: a: b\n")
    told = look()
    assert f"'{broken}' cannot be read" in told
    assert "(line 2, column" in told


def test_an_inventory_that_is_not_there_is_no_success(ansible: Ansible, inventory: Path) -> None:
    done = ansible(
        "ansible-playbook", f"--inventory={inventory / 'nowhere.yml'}", "playbooks/hourly.yml"
    )
    assert done.returncode == 2
    assert "No host was checked" in " ".join(done.stdout.split())


def test_a_fleet_that_does_not_run_is_told_in_one_line(ansible: Ansible, inventory: Path) -> None:
    hosts = inventory / "demo.yml"
    closed, hosts_closed = re.subn(r"ansible_port: \d+", "ansible_port: 1", hosts.read_text())

    assert hosts_closed == len(fleet.load().hosts)

    hosts.write_text(closed)
    done = ansible("ansible-playbook", f"--inventory={hosts}", "playbooks/weekly.yml")

    assert done.returncode == 2
    assert done.stdout.count("fatal:") == 1, done.stdout
    assert "msg: 'The demo fleet is not running. Start it with: make demo'" in done.stdout
    assert "UNREACHABLE" not in done.stdout
    assert "PLAY [Preflight]" not in done.stdout
