# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set-up: which environments and packages it wants, and that an interrupted one is done again."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tools import PROJECT, packages, setup


@pytest.mark.parametrize(
    ("version", "oldest", "names"),
    [
        ("3.12", "/usr/bin/python3.11", [".venv", ".venv-core219"]),
        ("3.12", None, [".venv"]),
        ("3.11", "/usr/bin/python3.11", [".venv"]),
    ],
)
def test_the_second_environment_is_for_the_oldest_core_only(
    tmp_path: Path, version: str, oldest: str | None, names: list[str]
) -> None:
    wanted = setup.environments("/usr/bin/python", version, oldest, tmp_path)
    assert [environment.path.name for environment in wanted] == names


#: Makes "environments" that hold itself as their Python, and "installs" whatever does not say
#: `broken`.
INTERPRETER = """\
#!/bin/sh
case "$2" in
    venv) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    pip) echo "$@" >>pip.log; ! grep -q broken requirements.txt ;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> setup.Environment:
    """Return an environment whose interpreter is a stand-in that costs no seconds."""
    python = tmp_path / "python"
    python.write_text(INTERPRETER)
    python.chmod(0o755)
    (tmp_path / "requirements.txt").write_text("")

    return setup.Environment(tmp_path / ".venv", str(python), "3.12", ("-r", "requirements.txt"))


def test_an_interrupted_environment_is_made_again(
    tmp_path: Path, environment: setup.Environment
) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)  # what a kill in the middle leaves
    assert setup.make(environment, tmp_path)
    assert not setup.make(environment, tmp_path)
    (tmp_path / "requirements.txt").write_text("# changed\n")
    assert setup.make(environment, tmp_path)


def test_the_checkout_is_installed_editable_and_needs_no_index(
    tmp_path: Path, environment: setup.Environment
) -> None:
    setup.make(environment._replace(has_command=True), tmp_path)
    [_, editable] = (tmp_path / "pip.log").read_text().splitlines()

    assert editable.endswith("--no-index --no-deps --no-build-isolation --editable .")


def test_the_command_is_made_again_when_its_description_changes(
    tmp_path: Path, environment: setup.Environment
) -> None:
    assert setup.make(environment, tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert setup.make(environment, tmp_path)


def test_an_environment_of_another_checkout_is_not_cleared(
    tmp_path: Path, environment: setup.Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "kept").touch()
    environment.path.symlink_to(theirs)

    assert not setup.make(environment, tmp_path)
    assert [path.name for path in theirs.iterdir()] == ["kept"]
    assert "is a link" in capsys.readouterr().out


def test_a_failing_pip_leaves_no_stamp(tmp_path: Path, environment: setup.Environment) -> None:
    (tmp_path / "requirements.txt").write_text("broken\n")
    with pytest.raises(setup.SetupError, match="pip install"):
        setup.make(environment, tmp_path)
    assert not setup.is_current(environment, tmp_path)


def test_packages_that_are_half_installed_are_missing() -> None:
    listing = "ii podman\nrc runc\nii  uidmap\n"
    assert packages.parse_installed(listing) == {"podman", "uidmap"}
    assert packages.missing(
        ["podman", "runc", "runc", "uidmap"], packages.parse_installed(listing)
    ) == ["runc"]


def test_without_root_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(
        packages.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "dpkg-query" else None
    )
    monkeypatch.setattr(
        packages.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, "ii podman\n"),
    )

    with pytest.raises(
        packages.PackageError, match=r"sudo apt-get install --no-install-recommends runc$"
    ):
        packages.ensure(["podman", "runc"])


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_missing_is_named_before_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    ran: list[list[str]] = []

    def run(argv: list[str], **_: t.Any) -> subprocess.CompletedProcess[str]:
        ran.append(argv)
        if "install" in argv:
            assert "installing the package runc" in capsys.readouterr().out

        listing = "ii podman\n" if argv[0] == "dpkg-query" else ""

        return subprocess.CompletedProcess(
            argv, int(fails and "install" in argv), listing, "E: no such package\n"
        )

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages.subprocess, "run", run)
    if fails:
        with pytest.raises(packages.PackageError, match="runc` failed: E: no such package"):
            packages.ensure(["podman", "runc"])
    else:
        assert packages.ensure(["podman", "runc"]) == ["runc"]
        assert packages.ensure(["podman"]) == [], "what is there is left alone"

    apt = [argv[argv.index("-qq") + 1 :] for argv in ran if "apt-get" in argv]

    assert apt == [["update"], ["install", "--yes", "--no-install-recommends", "runc"]]


def test_find_python_passes_over_a_broken_shim(tmp_path: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    shim = tmp_path / "shims" / f"python{version}"
    real = tmp_path / "real" / "python3"
    for path, script in ((shim, "exit 127"), (real, f'exec {sys.executable} "$@"')):
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    env = {"PATH": f"{shim.parent}:{real.parent}", "HOME": str(tmp_path)}
    found = subprocess.run(
        [str(PROJECT / "tools" / "find-python"), "3.99", version],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )

    assert found.stdout.strip() == sys.executable


def test_find_python_says_what_to_install(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    found = subprocess.run(
        ["/bin/sh", str(PROJECT / "tools" / "find-python")],
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )

    assert found.returncode == 1
    assert "install one" in found.stderr


def test_without_ensurepip_and_root_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(wanted: list[str]) -> list[str]:
        raise packages.PackageError(f"please run: sudo apt-get install {' '.join(wanted[-1:])}")

    monkeypatch.setattr(setup, "ensure", refuse)
    monkeypatch.setattr(setup, "find_python", lambda *_: None)
    monkeypatch.setattr(setup, "venv_packages", lambda each: [f"python{each.version}-venv"])
    monkeypatch.setattr(setup, "make", lambda *_: pytest.fail("nothing can be made"))

    with pytest.raises(
        setup.SetupError,
        match=r"^no virtual environment .*-venv; please run: sudo apt-get .*-venv$",
    ):
        setup.set_up()


def test_a_failing_index_is_told_with_the_variables_that_help(
    tmp_path: Path, environment: setup.Environment
) -> None:
    (tmp_path / "requirements.txt").write_text("broken\n")
    with pytest.raises(setup.SetupError, match="PIP_INDEX_URL"):
        setup.make(environment, tmp_path)
