# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a model file: right digests in one pass, of the very file that is meant."""

from __future__ import annotations

import hashlib
import os
import socket
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import reading
from ansible.module_utils.upkeep.model_verification.reading import (
    AHEAD,
    BLOCK,
    ReadingError,
    new_digest,
    read,
)

BOTH: t.Final = ("md5", "sha256")


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17])
def test_digests_are_those_of_the_whole_file(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    model = tmp_path / "model.pkl"
    model.write_bytes(content)
    seen = read(model, tmp_path, BOTH)

    assert seen.bytes == size
    assert seen.digests == {
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert seen.unavailable == ()
    assert read(model, tmp_path, ["sha256"]).digests == {"sha256": seen.digests["sha256"]}


def test_a_file_is_read_once_for_all_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"x" * (2 * BLOCK))
    sizes: list[int] = []
    real = os.read

    def counted(descriptor: int, size: int) -> bytes:
        block = real(descriptor, size)
        sizes.append(len(block))
        return block

    monkeypatch.setattr(reading.os, "read", counted)
    read(model, tmp_path, BOTH)

    assert sum(sizes) == 2 * BLOCK


def forbid_md5(name: str) -> t.Any:
    if name == "md5":
        raise ValueError("[digital envelope routines] unsupported")
    return new_digest(name)


def test_a_host_without_md5_still_gives_sha256(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"abc")
    seen = read(tmp_path / "m", tmp_path, BOTH, digester=forbid_md5)
    assert seen.unavailable == ("md5",)
    assert seen.digests == {"sha256": hashlib.sha256(b"abc").hexdigest()}
    assert read(tmp_path / "m", tmp_path, ["md5"], digester=forbid_md5).digests == {}


@pytest.mark.parametrize("failing", BOTH)
def test_a_digest_that_fails_ends_the_reading(tmp_path: Path, failing: str) -> None:
    """More blocks than may wait: the other digest must not wait for one that takes no more."""
    model = tmp_path / "model.pkl"
    with model.open("wb") as stream:
        stream.truncate(3 * AHEAD * BLOCK)

    class Broken:
        def update(self, block: bytes) -> None:
            raise MemoryError

    with pytest.raises(MemoryError):
        read(
            model,
            tmp_path,
            BOTH,
            digester=lambda name: Broken() if name == failing else new_digest(name),
        )


def refused(path: Path, root: Path, algorithms: t.Sequence[str] = ("sha256",)) -> ReadingError:
    with pytest.raises(ReadingError) as caught:
        read(path, root, algorithms)
    return caught.value


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        seen = {kind: refused(tmp_path / kind, tmp_path) for kind in ("fifo", "folder", "socket")}

    assert {error.status for error in seen.values()} == {"critical"}
    assert "FIFO" in str(seen["fifo"])
    assert "folder" in str(seen["folder"])
    assert "socket" in str(seen["socket"])

    device = refused(Path("/dev/zero"), Path("/dev"))

    assert device.status == "critical"
    assert "device" in str(device)


def test_links_may_lead_around_within_the_root_only(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "versions").mkdir(parents=True)
    outside.mkdir()
    (root / "versions" / "m3").write_bytes(b"inside")
    (outside / "m").write_bytes(b"outside")
    (root / "current").symlink_to("versions/m3")

    assert read(root / "current", root, ["sha256"]).bytes == 6

    (root / "escape").symlink_to("../outside/m")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to("loop")

    for way in ("escape", "folder/m", "../outside/m"):
        error = refused(root / way, root)
        assert error.status == "critical"
        assert "is not below" in str(error)

    assert refused(root / "loop", root).status == "unknown"


def test_a_link_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding out where a path leads and opening it, a folder becomes a link."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (root / "folder" / "m").write_bytes(b"inside")
    (outside / "m").write_bytes(b"outside")
    real = os.open

    def swap_then_open(path: t.Any, *args: t.Any, **named: t.Any) -> int:
        if path == "folder" and not (root / "folder").is_symlink():
            (root / "folder").rename(root / "old")
            (root / "folder").symlink_to(outside)
        return real(path, *args, **named)

    monkeypatch.setattr(reading.os, "open", swap_then_open)

    assert refused(root / "folder" / "m", root).status in ("critical", "unknown")
    assert (root / "folder").is_symlink(), "the swap must have happened"


def test_missing_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert refused(tmp_path / "none", tmp_path).status == "critical"
    assert refused(tmp_path / "file" / "none", tmp_path).status == "critical"

    if os.geteuid() != 0:
        (tmp_path / "file").chmod(0)
        assert refused(tmp_path / "file", tmp_path).status == "unknown"


def grow(model: Path) -> None:
    with model.open("ab") as stream:
        stream.write(b"more" * 1000)


def replace(model: Path) -> None:
    new = model.with_name("new")
    new.write_bytes(model.read_bytes())
    new.rename(model)


def rewrite(model: Path) -> None:
    model.write_bytes(b"y" * model.stat().st_size)


def shrink(model: Path) -> None:
    os.truncate(model, 10)


Disturb = t.Callable[[Path], None]
CHANGES: t.Final = [grow, replace, rewrite, shrink]


def disturb_reads(monkeypatch: pytest.MonkeyPatch, model: Path, change: Disturb, *at: int) -> None:
    """Change the file just before some of the reads, counted from 1."""
    real, reads = os.read, list[int]()

    def disturbed(descriptor: int, size: int) -> bytes:
        reads.append(1)
        if len(reads) in at:
            change(model)
        assert len(reads) < 60, "a growing file must not be followed to its end"
        return real(descriptor, size)

    monkeypatch.setattr(reading.os, "read", disturbed)


@pytest.mark.parametrize("algorithms", [("sha256",), BOTH])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_once_is_read_again_as_it_is_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Disturb, algorithms: t.Sequence[str]
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"x" * (3 * BLOCK))
    disturb_reads(monkeypatch, model, change, 2)

    found = read(model, tmp_path, algorithms)

    assert found.digests["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()


@pytest.mark.parametrize("algorithms", [("sha256",), BOTH])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_keeps_changing_is_critical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Disturb, algorithms: t.Sequence[str]
) -> None:
    """Whoever swapped a model could otherwise hide that by touching it again and again."""
    model = tmp_path / "model.pkl"
    model.write_bytes(b"x" * (3 * BLOCK))
    disturb_reads(monkeypatch, model, change, *range(2, 60))

    error = refused(model, tmp_path, algorithms)

    assert error.status == "critical"
    assert "changed each of the 2 times" in str(error)


def test_a_file_that_vanishes_while_it_is_read_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"x" * (3 * BLOCK))
    disturb_reads(monkeypatch, model, Path.unlink, 2)

    error = refused(model, tmp_path)

    assert error.status == "critical"
    assert "is missing" in str(error)


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    """A sparse file of terabytes in the place of a model must not turn critical into too slow."""
    model = tmp_path / "model.pkl"
    with model.open("wb") as stream:
        stream.truncate(8 << 40)

    found = read(model, tmp_path, BOTH, size=7)

    assert found.bytes == 8 << 40
    assert found.digests == {}
