# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings for podman, what an image is made of, and files that are written whole."""

from __future__ import annotations

import os
import resource
import threading
import tomllib
from pathlib import Path

import pytest

from demo import engine, files, images
from demo.errors import DemoError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_crun_is_taken_only_on_pure_cgroup_v2(tmp_path: Path, tools: Path) -> None:
    for name in ("crun", "runc"):
        install(tools, name)

    unified, hybrid = tmp_path / "unified", tmp_path / "hybrid"
    unified.mkdir()
    hybrid.mkdir()
    (unified / "cgroup.controllers").touch()

    assert engine.runtime(unified) == "crun"
    assert engine.runtime(hybrid) == "runc"


def test_no_runtime_names_the_packages(tmp_path: Path, tools: Path) -> None:
    install(tools, "crun")
    with pytest.raises(DemoError, match=r"apt-get install .*runc"):
        engine.runtime(tmp_path)


def test_missing_tools_are_one_line_with_the_packages(tools: Path) -> None:
    with pytest.raises(DemoError, match="apt-get install") as raised:
        engine.require()
    assert "podman" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_somebody_who_is_not_root_is_told_in_one_line(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in engine._TOOLS:
        install(tools, name)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(engine, "write_atomically", lambda *_: pytest.fail("nothing is written"))

    with pytest.raises(
        DemoError, match=r"^systemd in containers needs root here: run the same command with sudo$"
    ):
        engine.require()


@pytest.mark.parametrize(
    ("files_limit", "expected"),
    [
        (20000, "nofile=1024:20000"),
        (512, "nofile=512:512"),
        (resource.RLIM_INFINITY, "nofile=1024:65536"),
    ],
)
def test_limits_stay_below_what_the_machine_allows(files_limit: int, expected: str) -> None:
    settings = tomllib.loads(engine.settings("runc", files_limit, 4096))
    assert settings["containers"]["default_ulimits"] == [expected, "nproc=4096:4096"]
    assert settings["engine"]["runtime"] == "runc"


def make_context(folder: Path) -> Path:
    (folder / "image").mkdir(parents=True)
    (folder / "app" / "__pycache__").mkdir(parents=True)
    (folder / "image" / "Containerfile").write_text("FROM x\n")
    (folder / "app" / "a.py").write_text("a = 1\n")
    return folder


def test_inputs_follow_names_bytes_and_modes_but_not_caches(tmp_path: Path) -> None:
    context = make_context(tmp_path / "demo")
    seen = {images.inputs(context, "base")}
    (context / "app" / "__pycache__" / "a.pyc").write_bytes(b"1")

    assert images.inputs(context, "base") in seen

    for change in (
        lambda: (context / "app" / "a.py").write_text("a = 2\n"),
        lambda: (context / "app" / "a.py").rename(context / "app" / "b.py"),
        lambda: (context / "app" / "b.py").chmod(0o755),
    ):
        change()
        assert images.inputs(context, "base") not in seen
        seen.add(images.inputs(context, "base"))

    assert images.inputs(context, "other base") not in seen


def test_a_file_is_written_only_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"

    assert files.write_atomically(path, "one", 0o600)
    assert not files.write_atomically(path, "one", 0o600)
    assert files.write_atomically(path, "one", 0o644)
    assert files.write_atomically(path, "two", 0o644)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o644)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with files.locked(tmp_path / "lock"):
            order.append("second")

    with files.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(5)
        order.append("first")

    thread.join(5)

    assert order == ["first", "second"]
