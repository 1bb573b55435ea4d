# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of variables beside an inventory, and which of them cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from upkeep.profile.vars_files import unreadable, variable_files


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    for name, text in (
        ("hosts.yml", "all: {}\n"),
        ("group_vars/all/main.yml", "a: 1\n"),
        ("group_vars/all/notes.md", "a: b: c\n"),
        ("group_vars/production/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n00\n"),
        ("host_vars/web-1", "a: b: c\n"),
        ("elsewhere/broken.yml", "a: b: c\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    return tmp_path


def load(path: str) -> Any:
    """Read as Ansible does without a password: an encrypted file and bad YAML are errors."""
    text = Path(path).read_text()
    if text.startswith("$ANSIBLE_VAULT"):
        raise ValueError("no vault secrets")

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RuntimeError("YAML parsing failed:\n  no") from error


@pytest.mark.parametrize("given", ["hosts.yml", "."])
def test_only_files_that_ansible_would_read_count(inventory: Path, given: str) -> None:
    found = [
        path.relative_to(inventory).as_posix() for path in variable_files([str(inventory / given)])
    ]

    assert found == [
        "group_vars/all/main.yml",
        "group_vars/production/vault.yml",
        "host_vars/web-1",
    ]


def test_each_unreadable_file_is_one_line_with_what_to_do(inventory: Path) -> None:
    vault, plain = unreadable([str(inventory / "hosts.yml")], load)

    assert vault.startswith(f"'{inventory}/group_vars/production/vault.yml' is encrypted")
    assert "--ask-vault-pass" in vault
    assert (
        plain == f"'{inventory}/host_vars/web-1' cannot be read:"
        " YAML parsing failed: no (line 1, column 5)"
    )


def test_an_inventory_without_variables_has_nothing_to_tell() -> None:
    assert unreadable(["host1,host2"], load) == []


def test_a_file_that_its_owner_alone_may_read_is_named(inventory: Path) -> None:
    def refuse(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    assert len(unreadable([str(inventory)], refuse)) == 3
