# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a release comes from: a tag or commit of a repository, and the wheels that its lock names.

git runs on the controller; what it makes is the same bytes each time. Nothing of the source is
executed here.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upkeep.run.types import RunRecord

#: git's own options and what leads out of a repository are no names.
VERSION: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_COMMIT: t.Final = re.compile(r"[0-9a-f]{7,64}")
_HASH: t.Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SECONDS: t.Final = 600.0
#: How a file begins that git LFS keeps elsewhere.
_LFS: t.Final = "version https://git-lfs.github.com/spec/"
_BLOCK: t.Final = 1 << 20
#: Where the code is in an archive.
_CODE: t.Final = "code/"


class SourceError(ValueError):
    """A source that cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Source:
    """A commit of a repository, and the id of the release that it makes."""

    repository: Path
    version: str
    commit: str
    release: str


def resolve(repository: str, version: str, cache: Path) -> Source:
    """Return the commit that a tag or an id names; a repository elsewhere is mirrored first.

    Raises SourceError, for a branch as well: what it names changes.
    """
    if not repository or repository.startswith("-"):
        raise SourceError("no repository is named; the inventory says predictor_deploy_source")
    if not VERSION.fullmatch(version) or ".." in version:
        raise SourceError(f"version is {version!r}; it must be a tag or the id of a commit")

    place = Path(repository) if Path(repository).is_dir() else _mirror(repository, cache)
    commit = _commit(place, version)
    made = int(_git(place, "show", "--no-patch", "--format=%ct", commit))
    stamp = datetime.fromtimestamp(made, UTC).strftime("%Y%m%dT%H%M%S")

    return Source(place, version, commit, f"{stamp}-{commit[:10]}")


def make_archive(source: Source, lock: str, wheels: Path | None, target: Path) -> str:
    """Write the archive of a release and return its checksum.

    It has the code, and those wheels whose hashes stand in the lock file. Raises SourceError.
    """
    _require_whole(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _write_code(source, draft)
        chosen = _wheels(_lock_text(source, lock), wheels)
        if chosen:  # an archive that is opened to add nothing cannot be read any more
            _append(draft, chosen)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)

    return _checksum(target)


def files_of(source: Source, folder: Path) -> dict[str, str]:
    """Return path -> checksum of the code of a release, as code_digest.py has them on a host.

    ``folder`` gets an archive that is removed again. Raises SourceError.
    """
    _require_whole(source)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{source.release}.{os.getpid()}"
    try:
        _write_code(source, draft)
        with tarfile.open(draft, "r:") as tar:
            return {
                member.name.removeprefix(_CODE): _member_digest(tar, member)
                for member in tar
                if member.issym() or member.isreg()
            }
    finally:
        draft.unlink(missing_ok=True)


def _write_code(source: Source, target: Path) -> None:
    words = ("archive", "--format=tar", f"--prefix={_CODE}", f"--output={target}", source.commit)
    _git(source.repository, *words)


def _member_digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.issym():
        return f"-> {member.linkname}"

    content = tar.extractfile(member)
    summed = hashlib.sha256()
    while content and (block := content.read(_BLOCK)):
        summed.update(block)

    return f"{'x' if member.mode & 0o100 else '-'}{summed.hexdigest()}"


def _require_whole(source: Source) -> None:
    """Raise SourceError for a commit whose archive would lack what is elsewhere.

    git writes a submodule as an empty folder, and a file of LFS as a few lines that name it.
    """
    tree = _git(source.repository, "ls-tree", "-r", "-z", source.commit).split("\0")
    modules = [line.partition("\t")[2] for line in tree if line.startswith("160000 ")]
    if modules:
        raise SourceError(
            f"{source.version} has submodules ({', '.join(modules[:5])}), whose code would be"
            " missing; put it into the repository, or make it a wheel that the lock file names"
        )

    words = ("grep", "-z", "-l", "-I", "-F", "-e", _LFS, source.commit, "--")
    for found in _git(source.repository, *words, may_fail=True).split("\0"):
        path = found.partition(":")[2]
        if path and _git(source.repository, "show", f"{source.commit}:{path}").startswith(_LFS):
            raise SourceError(
                f"'{path}' is kept by git LFS, so that the release would have a pointer in its"
                " place; models go to hosts by playbooks/update_model.yml"
            )


def require_staging(records: Iterable[RunRecord], check: str, release: str) -> None:
    """Raise SourceError unless a run in staging recorded that this release passed there."""
    for record in records:
        for finding in record["findings"]:
            if (
                finding["check"] == f"{check}.staging"
                and finding["status"] == "ok"
                and finding["observed"] == release
            ):
                return

    raise SourceError(
        f"release {release} has no recorded pass in staging: deploy it there first (an inventory"
        " with upkeep_environment: staging and the same store). A system without a staging says"
        " system_staging: none"
    )


def _mirror(address: str, cache: Path) -> Path:
    place = cache / hashlib.sha256(address.encode()).hexdigest()[:16]
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        _run(["git", "init", "--quiet", "--bare", "--", str(place)])
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    _git(place, "fetch", "--quiet", "--prune", "--no-write-fetch-head", "--", address, *refs)

    return place


def _commit(place: Path, version: str) -> str:
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    names = [f"refs/tags/{version}^{{commit}}"]
    if _COMMIT.fullmatch(version):
        names.append(f"{version}^{{commit}}")
    for name in names:
        found = _git(place, *verify, name, may_fail=True)
        if found:
            return found

    if _git(place, *verify, f"refs/heads/{version}", may_fail=True):
        raise SourceError(f"'{version}' is a branch, which moves; name a tag or a commit")
    raise SourceError(f"the repository '{place}' has no tag or commit '{version}'")


def _lock_text(source: Source, lock: str) -> str:
    return _git(source.repository, "show", f"{source.commit}:{lock}", may_fail=True)


def _wheels(lock: str, folder: Path | None) -> list[Path]:
    wanted = set(_HASH.findall(lock))
    if not wanted:
        return []
    if folder is None or not folder.is_dir():
        raise SourceError(
            f"the lock file names packages, and there is no folder of wheels ('{folder}')"
        )

    return sorted(path for path in folder.glob("*.whl") if _checksum(path) in wanted)


def _append(archive: Path, wheels: Sequence[Path]) -> None:
    with tarfile.open(archive, "a", format=tarfile.PAX_FORMAT) as tar:
        for path in wheels:
            member = tarfile.TarInfo(f"wheels/{path.name}")
            member.size = path.stat().st_size
            member.mode = 0o644
            with path.open("rb") as stream:
                tar.addfile(member, t.cast(io.BytesIO, stream))


def _checksum(path: Path) -> str:
    summed = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            summed.update(block)

    return summed.hexdigest()


def _git(place: Path, *words: str, may_fail: bool = False) -> str:
    """Return what git prints; nothing of the repository's own configuration runs a program."""
    settings = (f"safe.directory={place}", "core.fsmonitor=false", "core.hooksPath=/dev/null")
    argv = ["git", "-C", str(place), *(word for one in settings for word in ("-c", one)), *words]

    return _run(argv, may_fail=may_fail)


def _run(argv: Sequence[str], *, may_fail: bool = False) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - an argv list
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except FileNotFoundError as error:
        raise SourceError("the controller has no git; install it") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"git did not finish: {error}") from error

    if done.returncode and not may_fail:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:400]
        raise SourceError(f"git cannot do it: {said or done.returncode}")

    return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()
