# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new environment file: installed with its release, and put back with it."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.files import UnsafeFileError
from ansible.module_utils.upkeep.switching import new_environment
from ansible.module_utils.upkeep.switching.new_environment import NewEnvironment, find, from_note


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an environment file with a new one beside it; its name needs quotes."""
    (tmp_path / "releases").mkdir(mode=0o755)
    (tmp_path / "home").mkdir()
    made = tmp_path / "home" / "it's the.env"
    made.write_text("OLD=1\n")
    made.chmod(0o640)
    made.with_name("it's the.env.new").write_text("NEW=1\n")

    return made


def required(path: Path) -> NewEnvironment:
    """Return the new environment beside a file."""
    found = find(str(path), str(path.parents[1] / "releases"))
    assert found

    return found


def put_back(found: NewEnvironment) -> None:
    """Run the script that puts the old file back."""
    subprocess.run(["/bin/sh", "-c", found.script_back()], check=True)


def state(path: Path) -> dict[str, str]:
    """Return what is in the folder of the file."""
    return {each.name: each.read_text() for each in path.parent.iterdir()}


def test_without_a_new_file_there_is_nothing_to_do(path: Path) -> None:
    Path(f"{path}.new").unlink()

    assert find(str(path), "/r") is None
    assert find("", "/r") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_new_file_of_a_service_user_is_refused(path: Path) -> None:
    os.chown(f"{path}.new", 65534, 65534)

    with pytest.raises(UnsafeFileError):
        find(str(path), "/r")


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
def test_the_new_file_takes_its_place_and_the_old_one_is_kept(path: Path) -> None:
    found = required(path)
    found.put_in_place()

    assert path.read_text() == "NEW=1\n"
    assert Path(found.copy).read_text() == "OLD=1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert Path(found.copy).parent.stat().st_mode & 0o777 == 0o700
    assert not Path(found.new).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
def test_the_way_back_gives_file_and_mode_back_once(path: Path) -> None:
    before, found = state(path), required(path)
    found.put_in_place()

    put_back(found)
    put_back(found)

    assert state(path) == before
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_what_was_cut_off_is_put_back_as_well(
    path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    before, found, writes = state(path), required(path), []
    real = new_environment.write_atomic

    def write(*args: t.Any, **named: t.Any) -> None:
        if len(writes) == done:
            raise KeyboardInterrupt
        writes.append(args)
        real(*args, **named)

    monkeypatch.setattr(new_environment, "write_atomic", write)
    if done == 3:
        monkeypatch.setattr(new_environment, "unlink_beneath", lambda _: write())
    with pytest.raises(KeyboardInterrupt):
        found.put_in_place()
    put_back(found)

    assert state(path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
def test_a_copy_of_the_same_second_is_not_taken_for_the_old_file(path: Path) -> None:
    first = required(path)
    Path(first.copy).parent.mkdir()
    Path(first.copy).write_text("older\n")

    assert required(path).copy == f"{first.copy}-2"


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
def test_a_link_of_the_service_user_is_replaced_and_not_followed(
    path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "shadow"
    other.write_text("secret")
    found = required(path)
    found.put_in_place()
    for place in (path, Path(found.new)):
        place.unlink(missing_ok=True)
        place.symlink_to(other)

    put_back(found)

    assert other.read_text() == "secret"
    assert path.read_text() == "OLD=1\n"
    assert Path(found.new).read_text() == "NEW=1\n"
    assert not path.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="the new file must belong to root")
def test_the_newest_old_files_are_kept(path: Path) -> None:
    found = required(path)
    found.put_in_place()
    folder = Path(found.copy).parent
    for day in range(1, 5):
        (folder / f"{path.name}.2025010{day}T000000Z").write_text("")

    found.keep_old(most=3)

    names = sorted(each.name for each in folder.iterdir())
    assert names[-1] == Path(found.copy).name
    assert [name[-14:-8] for name in names[:-1]] == ["250103", "250104"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("EnvironmentFile=/a/.env", "EnvironmentFile=/a/.env.new"),
        ("EnvironmentFile=-/a/.env", "EnvironmentFile=-/a/.env.new"),
        ("EnvironmentFile=/a/.env.test", "EnvironmentFile=/a/.env.test"),
        ("ExecStart=/bin/x /a/.env", "ExecStart=/bin/x /a/.env"),
    ],
)
def test_the_release_is_asked_with_the_new_file(line: str, expected: str) -> None:
    found = NewEnvironment("/a/.env", "/a/.env.1", 0, 0, 0o600)

    assert found.read_instead(f"[Service]\n{line}\n") == f"[Service]\n{expected}\n"


def test_it_is_noted_with_the_switch() -> None:
    found = NewEnvironment("/a/.env", "/a/.env.1", 1, 2, 0o640)

    assert from_note(found.note()) == found
    assert from_note(None) is None
    with pytest.raises(TypeError):
        from_note("x")
