# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environments: files as systemd reads them, and what a running unit has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.app_tests import databases, environments
from ansible.module_utils.upkeep.app_tests.addresses import Address
from ansible.module_utils.upkeep.app_tests.errors import RefusedError
from hypothesis import given
from hypothesis import strategies as st


def test_environment_files_are_read_as_systemd_does(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# a comment\n; another\nA=1\n export B='two words'\nC=\"x#y\"\nD = spaced \nE=a\\\nb\n"
        "broken line\nF='never closed\nG=https://example.org/?a=b\n=nothing\n"
    )

    assert environments.read(file) == {
        "A": "1",
        "B": "two words",
        "C": "x#y",
        "D": "spaced",
        "E": "ab",
        "F": "'never closed",
        "G": "https://example.org/?a=b",
    }


@given(st.text())
def test_any_text_is_an_environment(text: str) -> None:
    assert all(name and isinstance(value, str) for name, value in environments.parse(text).items())


def test_a_file_that_cannot_be_read_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(bytes(100))
    monkeypatch.setattr(environments, "LARGEST", 99)
    for name in ("fifo", "loop", "large", "absent", "."):
        with pytest.raises(RefusedError):
            environments.read(tmp_path / name)


def systemctl(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Stand in for systemd."""
    answer = subprocess.CompletedProcess([], 0, stdout=text, stderr="")
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: answer)


def test_a_unit_has_what_its_process_has_and_what_its_file_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "with space.env"
    file.write_text("DATABASE_URL=postgresql:///new\n")
    systemctl(
        monkeypatch,
        f"LoadState=loaded\nMainPID={os.getpid()}\n"
        "Environment=A=1 'B=postgresql:///from the unit'\n"
        f"EnvironmentFiles={file} (ignore_errors=no)\n"
        "EnvironmentFiles=/absent (ignore_errors=yes)\n",
    )
    own = next(iter(os.environ))
    pairs = environments.of_unit("shop.service")

    assert (own, os.environ[own]) in pairs
    assert ("DATABASE_URL", "postgresql:///new") in pairs

    names = {address.name for address in databases.production_addresses(["shop.service"])}

    assert names >= {"new", "from the unit"}


@pytest.mark.parametrize("text", ["", "LoadState=not-found\nMainPID=0\n", "LoadState=masked\n"])
def test_a_unit_that_is_not_there_is_a_refusal(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    systemctl(monkeypatch, text)
    with pytest.raises(RefusedError, match=r"the production unit shop\.service does not exist"):
        environments.of_unit("shop.service")


def test_a_host_without_systemd_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: t.Any, **__: t.Any) -> t.NoReturn:
        raise FileNotFoundError("systemctl")

    monkeypatch.setattr(environments.subprocess, "run", fail)

    with pytest.raises(RefusedError, match="systemd does not report"):
        environments.of_unit("shop.service")


def test_a_unit_that_is_stopped_is_known_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("PGDATABASE=shop\nPGHOST=db.example.org\n")
    systemctl(
        monkeypatch, f"LoadState=loaded\nMainPID=0\nEnvironmentFiles={file} (ignore_errors=no)\n"
    )

    assert databases.production_addresses(["shop.service"])[-1] == Address(
        "postgresql", "db.example.org", 0, "shop"
    )


@pytest.fixture
def home() -> t.Iterator[Path]:
    """Return a folder of the service user."""
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        Path(name).chmod(0o755)
        shutil.chown(name, "nobody")
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
@pytest.mark.parametrize("kind", ["file", "link", "parent", "hard link"])
def test_what_the_service_user_may_not_read_is_not_handed_to_its_suite(
    home: Path, kind: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/var/lib") as secrets:
        secret = Path(secrets) / ".env"
        secret.write_text("ROOT_PASSWORD=hidden\nDATABASE_URL=postgresql:///shop_test\n")
        secret.chmod(0o600)
        path = home / ".env"
        if kind == "file":
            path.write_bytes(secret.read_bytes())
            path.chmod(0o600)
        elif kind == "link":
            path.symlink_to(secret)
        elif kind == "parent":
            (home / "conf").symlink_to(secrets)
            path = home / "conf" / ".env"
        else:
            os.link(secret, path)

        with pytest.raises(RefusedError, match="cannot be read as nobody"):
            environments.read_as("nobody", path)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_what_the_service_user_may_read_is_read(home: Path) -> None:
    path = home / ".env"
    path.write_text("A=1\n")
    path.chmod(0o640)
    shutil.chown(path, "root", "nogroup")

    assert environments.read_as("nobody", path) == {"A": "1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_a_file_of_a_unit_is_not_read_through_a_user_s_link(home: Path) -> None:
    (home / ".env").symlink_to("/etc/shadow")
    os.chown(home / ".env", 65534, 65534, follow_symlinks=False)

    with pytest.raises(RefusedError, match="cannot be read"):
        environments.read(home / ".env")
