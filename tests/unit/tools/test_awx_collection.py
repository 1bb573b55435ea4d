# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection comes out of a package, alone, and once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tools import PROJECT, awx_collection, yamlfiles


def wheel(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "text")

    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for what pip fetches."""
    path = tmp_path / "ansible.whl"
    monkeypatch.setattr(awx_collection, "_wheel", lambda _: path)

    return path


def test_only_the_collection_is_unpacked_and_only_once(package: Path, tmp_path: Path):
    inside = f"{awx_collection.INSIDE}plugins/modules/job_template.py"
    wheel(package, inside, "ansible_collections/community/general/README.md")

    assert awx_collection.ensure(tmp_path / "collections")
    assert (tmp_path / "collections" / inside).is_file()
    assert not (tmp_path / "collections/ansible_collections/community").exists()
    assert not awx_collection.ensure(tmp_path / "collections")


@pytest.mark.parametrize(
    "name",
    ["other/file", f"{awx_collection.INSIDE}../../../../etc/cron.d/x"],
    ids=["none", "leaves"],
)
def test_a_package_that_is_not_what_it_was_is_refused(package: Path, tmp_path: Path, name: str):
    wheel(package, name)

    with pytest.raises(awx_collection.CollectionError):
        awx_collection.ensure(tmp_path / "collections")

    assert not (tmp_path / "collections").exists()


def test_the_version_is_the_one_that_is_required():
    [entry] = yamlfiles.read(PROJECT / "requirements.yml")["collections"]

    assert entry == {"name": "awx.awx", "version": awx_collection.VERSION}
