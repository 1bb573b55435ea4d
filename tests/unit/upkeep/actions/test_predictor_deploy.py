# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a release comes from: real repositories, tags, commits, and names that lead elsewhere."""

from __future__ import annotations

import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.predictor_deploy import code_digest

from upkeep.actions.predictor_deploy import (
    SourceError,
    files_of,
    make_archive,
    require_staging,
    resolve,
)


def git(folder: Path, *words: str) -> str:
    """Return what git prints."""
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", folder, *names, *words], check=True, capture_output=True, text=True
    )

    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a tag and a branch."""
    folder = tmp_path / "app"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "app.py").write_text("VERSION = 1\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    git(folder, "tag", "v1")

    return folder


def test_the_same_commit_is_the_same_release_by_any_name(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")

    by_tag = resolve(str(repository), "v1", tmp_path)
    by_commit = resolve(str(repository), commit[:12], tmp_path)
    by_address = resolve(f"file://{repository}", "v1", tmp_path / "mirrors")

    assert by_tag.release == by_commit.release == by_address.release
    assert by_tag.release.endswith(commit[:10])


def test_a_branch_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a branch, which moves"):
        resolve(str(repository), "main", tmp_path)


@pytest.mark.parametrize("version", ["", "-x", "--upload-pack=x", "a b", "v1..v2", "v1;id", "v9"])
def test_what_is_no_version_is_refused(repository: Path, tmp_path: Path, version: str) -> None:
    with pytest.raises(SourceError):
        resolve(str(repository), version, tmp_path)


@pytest.mark.parametrize("address", ["", "--upload-pack=touch x", "ext::sh -c id"])
def test_what_is_no_repository_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(SourceError):
        resolve(address, "v1", tmp_path)


def test_an_archive_is_the_same_bytes_each_time(repository: Path, tmp_path: Path) -> None:
    source = resolve(str(repository), "v1", tmp_path)
    first = make_archive(source, "requirements.lock", None, tmp_path / "a.tar")
    second = make_archive(source, "requirements.lock", None, tmp_path / "b.tar")

    assert first == second
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert "code/app.py" in tar.getnames()


def test_files_are_named_as_a_host_names_them(repository: Path, tmp_path: Path) -> None:
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "link").symlink_to("run.sh")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "two")
    git(repository, "tag", "v2")
    kept = tmp_path / "archives"

    found = files_of(resolve(str(repository), "v2", tmp_path), kept)

    on_host = code_digest.digests([str(repository)])
    assert found == {
        path.removeprefix(f"{repository}/"): digest for path, digest in on_host.items()
    }
    assert found.keys() == {"app.py", "run.sh", "link"}
    assert list(kept.iterdir()) == []


def test_a_lock_needs_its_wheels(repository: Path, tmp_path: Path) -> None:
    (repository / "requirements.lock").write_text(f"x==1 --hash=sha256:{'0' * 64}\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "two")
    git(repository, "tag", "v2")
    source = resolve(str(repository), "v2", tmp_path)

    with pytest.raises(SourceError, match="no folder of wheels"):
        make_archive(source, "requirements.lock", None, tmp_path / "a.tar")


def test_production_needs_the_pass_of_the_very_release() -> None:
    finding = {"check": "release:app.staging", "status": "ok", "observed": "1"}
    records = t.cast(t.Any, [{"findings": [finding]}])

    require_staging(records, "release:app", "1")
    with pytest.raises(SourceError, match="no recorded pass in staging"):
        require_staging(records, "release:app", "2")
