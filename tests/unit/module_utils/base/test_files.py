# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files in folders where somebody else may have set a trap, and writing that leaves no half."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import files
from ansible.module_utils.upkeep.base.files import (
    Owner,
    UnsafeFileError,
    exclusive,
    open_regular,
    open_resolved,
    read_bytes,
    read_kernel,
    read_text,
    unlink_beneath,
    write_atomic,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY: t.Final = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"content")
    return inner


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def descriptors() -> int:
    return len(names(Path("/proc/self/fd")))


def test_a_regular_file_is_read(folder: Path) -> None:
    assert read_bytes(folder / "file", 100) == b"content"
    assert read_text(folder / "file", 7, root=folder.parent) == "content"


@pytest.mark.parametrize("level", ["file", "inner", "outer"])
@pytest.mark.parametrize("rooted", [True, False])
def test_a_link_at_any_component_is_refused(folder: Path, level: str, rooted: bool) -> None:
    path = folder / "file"
    swapped = next(part for part in (path, *path.parents) if part.name == level)
    real = swapped.with_name("elsewhere")
    swapped.rename(real)
    swapped.symlink_to(real)
    root = folder.parents[1] if rooted else None
    before = descriptors()

    with pytest.raises(UnsafeFileError) as caught:
        read_bytes(path, 100, root=root)

    assert "link" in caught.value.strerror
    assert descriptors() == before


def test_links_on_the_way_to_the_root_are_the_administrators(folder: Path) -> None:
    shortcut = folder.parents[1] / "shortcut"
    shortcut.symlink_to(folder)

    assert read_bytes(shortcut / "file", 100, root=shortcut) == b"content"


@as_root
def test_a_root_that_somebody_else_may_swap_is_not_followed(folder: Path) -> None:
    os.chown(folder.parents[1], NOBODY, NOBODY)
    shortcut = folder.parents[1] / "shortcut"
    shortcut.symlink_to("/etc")

    with pytest.raises(UnsafeFileError, match="link"):
        read_bytes(shortcut / "passwd", 1 << 20, root=shortcut)


def test_the_top_is_a_root_as_well(folder: Path) -> None:
    assert read_bytes(folder / "file", 100, root="/") == b"content"


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="not an absolute path"):
        read_bytes("file", 100)


@pytest.mark.parametrize("path", ["other/file", "inner/../../other"])
def test_a_path_outside_of_its_root_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(UnsafeFileError, match="is not below"):
        read_bytes(folder.parent / ".." / path, 100, root=folder)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("a FIFO", lambda path: os.mkfifo(path)),
        ("a folder", lambda path: path.mkdir()),
        ("a socket", lambda path: socket.socket(socket.AF_UNIX).bind(str(path))),
        pytest.param(
            "a device",
            lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
            marks=as_root,
        ),
    ],
)
def test_what_is_not_a_regular_file_is_refused_without_waiting(
    tmp_path: Path, kind: str, make: t.Callable[[Path], None]
) -> None:
    make(tmp_path / "trap")

    with pytest.raises(UnsafeFileError) as caught:
        read_bytes(tmp_path / "trap", 100)

    assert caught.value.strerror == f"is {kind}, not a regular file"


def test_missing_files_and_folders_are_told_apart_from_traps(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bytes(folder / "nothing", 100)
    with pytest.raises(FileNotFoundError):
        read_bytes(folder / "nothing" / "deeper", 100)
    with pytest.raises(NotADirectoryError):
        read_bytes(folder / "file" / "deeper", 100)


def test_a_large_file_is_refused_before_it_is_read_or_cut(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)

    with pytest.raises(UnsafeFileError, match="is larger than 10 bytes") as caught:
        read_bytes(huge, 10)

    assert caught.value.errno == errno.EFBIG
    assert read_bytes(huge, 10, cut=True) == bytes(10)


def test_a_file_that_grows_while_it_is_read_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="is larger than"):
        read_bytes("/proc/self/status", 10, root="/proc/self")


@as_root
def test_a_file_of_another_owner_is_refused(folder: Path) -> None:
    os.chown(folder / "file", NOBODY, NOBODY)

    with pytest.raises(UnsafeFileError, match="belongs to the user id 65534, not to 0"):
        read_bytes(folder / "file", 100, owner=0)

    assert read_bytes(folder / "file", 100, owner=(0, NOBODY)) == b"content"


@as_root
def test_a_file_swapped_between_look_and_open_is_held_to_the_same_rules(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real_open = folder / "file", os.open

    def swapping(name: t.Any, flags: int, *args: t.Any, **keys: t.Any) -> int:
        if name == "file":
            path.rename(folder / "first")
            path.write_bytes(b"another")
            os.chown(path, NOBODY, NOBODY)
        return real_open(name, flags, *args, **keys)

    monkeypatch.setattr(files.os, "open", swapping)

    with pytest.raises(UnsafeFileError, match="belongs to the user id"):
        read_bytes(path, 100, owner=0)


@pytest.mark.parametrize("trap", ["link", "fifo"])
def test_a_trap_put_there_after_the_look_is_no_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    path, real_open = folder / "file", os.open

    def swapping(name: t.Any, flags: int, *args: t.Any, **keys: t.Any) -> int:
        if name == "file":
            path.unlink()
            path.symlink_to("/etc/passwd") if trap == "link" else os.mkfifo(path)
        return real_open(name, flags, *args, **keys)

    monkeypatch.setattr(files.os, "open", swapping)

    with pytest.raises(OSError, match=r"symbolic links|not a regular file"):
        read_bytes(path, 100)


def test_a_folder_swapped_for_a_link_under_the_walk_is_no_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def swapping(name: t.Any, flags: int, *args: t.Any, **keys: t.Any) -> int:
        if name == "inner" and not folder.is_symlink():
            folder.rename(folder.with_name("moved"))
            folder.symlink_to("/etc")
        return real_open(name, flags, *args, **keys)

    monkeypatch.setattr(files.os, "open", swapping)

    with pytest.raises(UnsafeFileError, match="leads through the link 'inner'"):
        read_bytes(folder / "passwd", 1 << 20)


SWAPPING: t.Final = """
import contextlib, os, sys
os.setgid(65534)
os.setuid(65534)
folder, secret = sys.argv[1:]
file, sub = f"{folder}/file", f"{folder}/sub"
steps = [
    lambda: os.unlink(file),
    lambda: os.symlink(secret, file),
    lambda: os.unlink(file),
    lambda: os.close(os.open(file, os.O_CREAT | os.O_WRONLY)),
    lambda: os.rmdir(sub),
    lambda: os.symlink(os.path.dirname(secret), sub),
    lambda: os.unlink(sub),
    lambda: os.mkdir(sub),
]
print("ready", flush=True)
while True:
    for step in steps:
        with contextlib.suppress(OSError):
            step()
"""


@as_root
def test_a_service_user_who_swaps_files_all_the_time_gets_nothing(tmp_path: Path) -> None:
    """Another user swaps a file and a folder for links while root reads and deletes."""
    secret, theirs = tmp_path / "root" / "secret", tmp_path / "theirs"
    for folder in (secret.parent, theirs):
        folder.mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    secret.write_text("secret")
    secret.chmod(0o600)
    (theirs / "file").write_text("own")
    os.chown(theirs, NOBODY, NOBODY)
    argv = [sys.executable, "-c", SWAPPING, str(theirs), str(secret)]
    seen: set[bytes | str] = set()

    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as attacker:
        assert attacker.stdout
        attacker.stdout.readline()
        for _ in range(3000):
            for path in (theirs / "file", theirs / "sub" / "secret"):
                try:
                    seen.add(read_bytes(path, 100, trusted_links=True))
                    unlink_beneath(path, tmp_path)
                except OSError as error:
                    seen.add(type(error).__name__)
        assert attacker.poll() is None, "the attacker ended early"
        attacker.kill()

    # How often a swap falls between two steps of ours is a matter of the machine; that a link is
    # refused wherever it stands is shown one by one above.
    assert b"secret" not in seen
    assert secret.read_text() == "secret"


def test_names_that_are_not_utf8_are_read_written_and_named(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/c_\xff\x1b.html")

    write_atomic(path, b"1")
    assert read_bytes(path, 1) == b"1"

    with pytest.raises(UnsafeFileError) as caught:
        read_bytes(path, 0)
    assert str(caught.value).isprintable()
    str(caught.value).encode()


def test_text_that_is_not_utf8_is_an_error_unless_asked_otherwise(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\xff")

    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "file", 10)
    assert read_text(tmp_path / "file", 10, errors="replace") == "a\ufffd"


class TestTrustedLinks:
    def test_a_link_that_only_we_could_make_is_followed(self, folder: Path) -> None:
        top = folder.parents[1]
        (top / "direct").symlink_to(folder / "file")
        (top / "way").symlink_to("outer/./inner")
        (folder / "up").symlink_to("../../outer/inner/file")

        for path in (top / "direct", top / "way" / "file", folder / "up"):
            assert read_bytes(path, 100, trusted_links=True) == b"content"
            with pytest.raises(UnsafeFileError):
                read_bytes(path, 100)

    def test_a_circle_of_links_ends(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")

        with pytest.raises(UnsafeFileError, match="too many links"):
            read_bytes(tmp_path / "a", 100, trusted_links=True)

    @pytest.mark.parametrize("target", ["/", ".", ".."])
    def test_a_link_to_a_folder_is_not_a_file(self, tmp_path: Path, target: str) -> None:
        (tmp_path / "a").symlink_to(target)

        with pytest.raises(UnsafeFileError, match="is a folder"):
            read_bytes(tmp_path / "a", 100, trusted_links=True)

    @as_root
    def test_a_link_of_somebody_else_is_refused(self, folder: Path) -> None:
        (folder.parent / "link").symlink_to(folder / "file")
        os.chown(folder.parent / "link", NOBODY, NOBODY, follow_symlinks=False)

        with pytest.raises(UnsafeFileError, match="is a link"):
            read_bytes(folder.parent / "link", 100, trusted_links=True)

    @as_root
    @pytest.mark.parametrize("level", [0, 1])
    def test_roots_own_link_in_a_folder_of_somebody_else_is_refused(
        self, folder: Path, level: int
    ) -> None:
        (folder / "link").symlink_to("/etc/passwd")
        os.chown(folder.parents[level - 1] if level else folder, NOBODY, NOBODY)

        with pytest.raises(UnsafeFileError, match="is a link"):
            read_bytes(folder / "link", 1 << 20, trusted_links=True)

    @pytest.mark.parametrize(("mode", "followed"), [(0o777, False), (0o775, False), (0o1777, True)])
    def test_a_folder_that_others_write_is_trusted_only_when_sticky(
        self, folder: Path, mode: int, followed: bool
    ) -> None:
        (folder / "link").symlink_to("file")
        folder.chmod(mode)

        try:
            assert read_bytes(folder / "link", 100, trusted_links=True) == b"content"
            assert followed
        except UnsafeFileError:
            assert not followed


class TestResolved:
    def test_links_within_the_root_are_followed(self, folder: Path) -> None:
        (folder.parent / "current").symlink_to("inner")

        with open_resolved(folder.parent / "current" / "file", folder.parent) as stream:
            assert stream.read() == b"content"

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "."])
    def test_links_out_of_the_root_are_refused(self, folder: Path, target: str) -> None:
        (folder.parents[1] / "secret").write_text("x")
        (folder / "link").symlink_to(target)

        with pytest.raises(UnsafeFileError):
            open_resolved(folder / "link", folder)

    def test_a_root_that_is_swapped_meanwhile_is_not_followed(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real_open = open_regular

        def swapping(*args: t.Any, **keys: t.Any) -> t.BinaryIO:
            (folder / "passwd").rename(folder.parent / "passwd")
            folder.rename(folder.with_name("moved"))
            folder.symlink_to("/etc")
            return real_open(*args, **keys)

        (folder / "passwd").write_text("mine")
        monkeypatch.setattr(files, "open_regular", swapping)

        with pytest.raises(UnsafeFileError, match="leads through the link 'inner'"):
            open_resolved(folder / "passwd", folder)

    def test_a_circle_ends(self, folder: Path) -> None:
        (folder / "link").symlink_to("link")

        with pytest.raises(OSError):
            open_resolved(folder / "link", folder)


def test_files_of_the_kernel_are_read_in_full() -> None:
    assert read_kernel("/proc/self/stat").startswith(str(os.getpid()))
    assert "sl" in read_kernel("/proc/net/tcp")
    assert len(read_kernel("/proc/self/status", 10)) == 10


class TestWriting:
    def test_the_file_has_content_mode_and_no_draft_beside_it(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "deeper" / "file"

        write_atomic(path, "1é", 0o640, folder_mode=0o755)
        write_atomic(path, b"2", 0o604)

        assert path.read_bytes() == b"2"
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
        assert names(path.parent) == ["file"]

    def test_missing_folders_are_only_made_when_asked(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            write_atomic(tmp_path / "no" / "file", "x")

    def test_a_link_is_replaced_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("precious")
        (tmp_path / "file").symlink_to("precious")

        write_atomic(tmp_path / "file", "x")

        assert (tmp_path / "precious").read_text() == "precious"
        assert not (tmp_path / "file").is_symlink()

    @as_root
    def test_a_link_of_somebody_else_on_the_way_is_refused(self, folder: Path) -> None:
        os.chown(folder.parent, NOBODY, NOBODY)
        (folder.parent / "way").symlink_to("/etc")

        with pytest.raises(UnsafeFileError, match="leads through the link 'way'"):
            write_atomic(folder.parent / "way" / "upkeep-test", "x")
        assert not Path("/etc/upkeep-test").exists()

    @as_root
    def test_it_may_belong_to_somebody_else(self, tmp_path: Path) -> None:
        write_atomic(tmp_path / "file", "x", 0o600, owner=Owner(NOBODY, NOBODY))

        status = (tmp_path / "file").stat()
        assert status.st_uid == NOBODY
        assert status.st_gid == NOBODY

    @pytest.mark.parametrize("call", ["write", "fsync", "rename", "fchmod"])
    def test_a_failure_leaves_the_old_file_and_no_draft(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        (tmp_path / "file").write_text("old")
        before = descriptors()

        def failing(*args: t.Any, **keys: t.Any) -> t.NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(files.os, call, failing)
        with pytest.raises(OSError, match="No space left"):
            write_atomic(tmp_path / "file", "new")

        assert (tmp_path / "file").read_text() == "old"
        assert names(tmp_path) == ["file"]
        assert descriptors() == before

    def test_a_real_limit_in_the_middle_of_the_content_leaves_the_old_file(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("old")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                write_atomic(tmp_path / "file", bytes(10_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)

        assert (tmp_path / "file").read_text() == "old"
        assert names(tmp_path) == ["file"]

    def test_draft_and_folder_are_on_disk_in_this_order(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        fsync, rename = os.fsync, os.rename

        def synced(descriptor: int) -> None:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            steps.append("folder" if is_folder else "draft")
            fsync(descriptor)

        def renamed(*args: t.Any, **keys: t.Any) -> None:
            steps.append("rename")
            rename(*args, **keys)

        monkeypatch.setattr(files.os, "fsync", synced)
        monkeypatch.setattr(files.os, "rename", renamed)
        write_atomic(tmp_path / "file", "x")

        assert steps == ["draft", "rename", "folder"]

    def test_only_drafts_of_writers_that_died_long_ago_are_removed(self, tmp_path: Path) -> None:
        old, new, other = (
            tmp_path / name for name in (".upkeep-1.disabled", ".upkeep-2.disabled", "x")
        )
        for path in (old, new, other):
            path.write_text("draft")
        yesterday = time.time() - 2 * 86400
        os.utime(old, (yesterday, yesterday))
        os.utime(other, (yesterday, yesterday))

        write_atomic(tmp_path / "file", "x")

        assert names(tmp_path) == [".upkeep-2.disabled", "file", "x"]

    def test_a_reader_never_sees_a_half(self, tmp_path: Path) -> None:
        path, seen, stop = tmp_path / "file", set[bytes](), threading.Event()
        versions = [bytes([65 + number]) * 50_000 for number in range(2)]
        write_atomic(path, versions[0])

        def reading() -> None:
            while not stop.is_set():
                seen.add(read_bytes(path, 1 << 20))

        reader = threading.Thread(target=reading)
        reader.start()
        for number in range(20):
            write_atomic(path, versions[number % 2])
        stop.set()
        reader.join()

        assert seen <= set(versions)


class TestDeleting:
    def test_a_file_is_deleted_once(self, folder: Path) -> None:
        assert unlink_beneath(folder / "file", folder) is True
        assert unlink_beneath(folder / "file", folder) is False
        assert unlink_beneath(folder / "no" / "file", folder) is False

    def test_a_link_is_deleted_itself(self, folder: Path) -> None:
        (folder / "link").symlink_to("file")

        assert unlink_beneath(folder / "link", folder)
        assert (folder / "file").exists()

    def test_nothing_is_deleted_through_a_link(self, folder: Path) -> None:
        (folder.parent / "way").symlink_to(folder)

        with pytest.raises(UnsafeFileError, match="leads through the link 'way'"):
            unlink_beneath(folder.parent / "way" / "file", folder.parent)
        assert (folder / "file").exists()

    def test_a_folder_is_not_deleted(self, folder: Path) -> None:
        with pytest.raises(OSError):
            unlink_beneath(folder, folder.parent)


class TestExclusive:
    def test_a_second_one_waits_and_then_gives_up(self, tmp_path: Path) -> None:
        guard = tmp_path / "new" / "guard"

        with (
            exclusive(guard, folder_mode=0o755),
            pytest.raises(TimeoutError, match="held by another process"),
            exclusive(guard, 0.1),
        ):
            raise AssertionError("two at once")

        with exclusive(guard, 0.1):
            pass
        assert stat.S_IMODE(guard.stat().st_mode) == 0o600

    def test_a_link_or_fifo_is_no_guard(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("target")
        os.mkfifo(tmp_path / "fifo")

        for name in ("link", "fifo"):
            with pytest.raises(OSError), exclusive(tmp_path / name, 0.1):
                raise AssertionError("a trap was taken")
        assert not (tmp_path / "target").exists()
