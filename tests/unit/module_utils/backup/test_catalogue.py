# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue publishes whole sets only, and touches nothing that is not its own."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.backup import retention
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue, CatalogueError
from ansible.module_utils.upkeep.backup.manifest import (
    Artefact,
    BackupManifest,
    ManifestError,
    SetFile,
)
from ansible.module_utils.upkeep.backup.record import SetRecord
from ansible.module_utils.upkeep.backup.settings import RetentionSettings
from ansible.module_utils.upkeep.backup.verify import layout_problems
from ansible.module_utils.upkeep.base.folders import Folder
from hypothesis import settings, stateful
from hypothesis import strategies as st

from tests.unit.module_utils.backup.conftest import Shop

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
CONTENT = b"exported"


class LostPowerError(Exception):
    """The run ends here."""


@pytest.fixture
def catalogue(tmp_path: Path) -> t.Iterator[BackupCatalogue]:
    """Return an empty catalogue."""
    with BackupCatalogue(str(tmp_path / "sets"), make=True) as opened:
        yield opened


def manifest_of(created: datetime) -> BackupManifest:
    """Return the manifest of a set with one small file."""
    file = SetFile("export/output.zst", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return BackupManifest(
        name=manifests.set_name(created),
        system="shop",
        host="app1",
        reason="schedule",
        created=created,
        finished=created,
        source={},
        artefacts=(Artefact("export", "command", (file,), {"raw_bytes": 8}),),
    )


def publish(catalogue: BackupCatalogue, created: datetime, verified: bool = True) -> str:
    """Publish a set."""
    manifest = manifest_of(created)
    with catalogue.begin(manifest.name) as making:
        with making.make("export") as folder, folder.create("output.zst") as stream:
            stream.write(CONTENT)
        record = SetRecord("", {}, (), created if verified else None)
        catalogue.publish(making, manifest, record)

    return manifest.name


def test_a_manifest_is_read_as_it_was_written() -> None:
    manifest = manifest_of(START)

    assert manifests.load(manifests.dump(manifest), manifest.name) == manifest


@pytest.mark.parametrize(
    "path", ["../other", "export/../../x", "/etc/shadow", "export/a/b", "other/output", "export/"]
)
def test_a_path_that_leads_out_of_its_artefact_is_refused(path: str) -> None:
    manifest = manifest_of(START)
    file = SetFile(path, 1, "0" * 64)
    artefact = Artefact("export", "command", (file,), {})
    hostile = BackupManifest(**{**vars(manifest), "artefacts": (artefact,)})

    with pytest.raises(ManifestError, match="does not lie in its artefact"):
        manifests.load(manifests.dump(hostile), manifest.name)


def test_a_manifest_under_the_name_of_another_set_is_refused() -> None:
    data = manifests.dump(manifest_of(START))

    with pytest.raises(ManifestError, match="is the manifest of the set"):
        manifests.load(data, "20260302T020000Z")


@pytest.mark.parametrize(
    "name", ["20260301T020000Z.old", ".making-20260301T020000Z", "20261301T020000Z", "set", ""]
)
def test_other_names_are_not_sets(name: str) -> None:
    assert not manifests.is_set_name(name)


def test_a_set_is_never_overwritten(catalogue: BackupCatalogue) -> None:
    name = publish(catalogue, START)
    before = (Path(catalogue.root) / name / "manifest.json").read_bytes()

    with pytest.raises(CatalogueError, match="there is already a set"):
        publish(catalogue, START)

    assert (Path(catalogue.root) / name / "manifest.json").read_bytes() == before


def test_a_set_that_is_being_made_is_not_listed(catalogue: BackupCatalogue) -> None:
    with catalogue.begin(manifests.set_name(START)):
        assert catalogue.sets() == []


def test_deleting_leaves_the_other_sets_alone(catalogue: BackupCatalogue) -> None:
    first = publish(catalogue, START)
    second = publish(catalogue, START + timedelta(days=1))

    catalogue.delete(first)

    assert [one.name for one in catalogue.sets()] == [second]
    records = (Path(catalogue.root) / ".records").iterdir()
    assert [path.name for path in records] == [f"{second}.json"]


def test_everything_is_on_disk_before_a_set_has_its_name(
    catalogue: BackupCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_fsync, real_rename = os.fsync, os.rename
    synced: list[int] = []
    at_rename: list[set[int]] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real_fsync(descriptor)

    def rename(old: str, new: str, **folders: int) -> None:
        if manifests.is_set_name(new):
            at_rename.append(set(synced))
        real_rename(old, new, **folders)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)

    name = publish(catalogue, START)

    made = Path(catalogue.root) / name
    [before] = at_rename
    assert {path.stat().st_ino for path in (made, *made.rglob("*"))} <= before
    assert synced[-1] == Path(catalogue.root).stat().st_ino


def test_power_lost_while_a_set_is_deleted_leaves_no_half_of_it(
    catalogue: BackupCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(catalogue, START)

    def ending(*_: object, **__: object) -> None:
        raise LostPowerError

    with monkeypatch.context() as patch, pytest.raises(LostPowerError):
        patch.setattr(os, "rmdir", ending)
        catalogue.delete(name)

    assert catalogue.sets() == []
    assert catalogue.clear_leftovers() == [f".making-{name}"]
    assert list((Path(catalogue.root) / ".records").iterdir()) == []


def test_a_record_that_cannot_be_read_is_a_problem_of_its_set(catalogue: BackupCatalogue) -> None:
    name = publish(catalogue, START)
    (Path(catalogue.root) / ".records" / f"{name}.json").write_text("{")

    [one] = catalogue.sets()

    assert "is damaged" in one.problem
    assert not one.is_verified


class Catalogues(stateful.RuleBasedStateMachine):
    """Sets are made, verified, held and expired; the power fails and the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp(prefix="upkeep-sets-")
        self.catalogue = BackupCatalogue(self.root)
        self.now = START
        self.policy = RetentionSettings(last=2, days=2, weekly=0, monthly=1)

    def teardown(self) -> None:
        """Remove the catalogue."""
        self.catalogue.folder.close()
        shutil.rmtree(self.root)

    @stateful.rule(hours=st.integers(1, 100), verified=st.booleans())
    def make(self, hours: int, verified: bool) -> None:
        """Make a set some time later."""
        self.now += timedelta(hours=hours)
        with contextlib.suppress(CatalogueError, FileExistsError):
            publish(self.catalogue, self.now, verified)

    @stateful.rule(
        call=st.sampled_from(["fsync", "rename", "mkdir", "unlink", "rmdir"]),
        after=st.integers(1, 8),
    )
    def lose_power(self, call: str, after: int) -> None:
        """Make or expire a set and end in the middle of it."""
        self.now += timedelta(hours=1)
        real, calls = getattr(os, call), iter(range(1, 1000))

        def ending(*arguments: t.Any, **named: t.Any) -> t.Any:
            if next(calls) >= after:
                raise LostPowerError
            return real(*arguments, **named)

        setattr(os, call, ending)
        try:
            with contextlib.suppress(LostPowerError, CatalogueError, FileExistsError):
                publish(self.catalogue, self.now)
                self.expire()
        finally:
            setattr(os, call, real)

    @stateful.rule()
    def start_again(self) -> None:
        """Begin a run, which clears what was left."""
        self.catalogue.clear_leftovers()

        assert self.catalogue.leftovers() == []

    @stateful.rule(days=st.integers(-30, 60))
    def jump(self, days: int) -> None:
        """Let the clock jump."""
        self.now += timedelta(days=days)

    @stateful.rule(data=st.data(), held=st.sampled_from(["", "before the move"]))
    def hold(self, data: st.DataObject, held: str) -> None:
        """Hold a set, or let it go."""
        sets = self.catalogue.sets()
        if sets:
            one = data.draw(st.sampled_from(sets))
            assert one.record
            self.catalogue.save_record(one.name, one.record.changed(held=held))

    @stateful.rule()
    def expire(self) -> None:
        """Delete what is redundant."""
        before = self.catalogue.sets()
        plan = retention.plan(before, self.policy, self.now)
        for name in plan.expired:
            self.catalogue.delete(name)
        left = self.catalogue.sets()

        good = [one for one in before if one.is_verified]
        assert len([one for one in left if one.is_verified]) >= min(len(good), self.policy.last)
        assert {one.name for one in before if one.held} <= {one.name for one in left}

    @stateful.invariant()
    def every_published_set_is_whole(self) -> None:
        """Hold what is listed against what is there."""
        for one in self.catalogue.sets():
            assert one.problem == ""
            assert one.manifest
            assert layout_problems(one.manifest, self.catalogue.paths_in(one.name)) == []


TestCatalogues = Catalogues.TestCase
TestCatalogues.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def keep_two(shop: Shop) -> list[str]:
    """Make two sets with retention, long after what is there, and return what is left of it."""
    before = shop.names()
    for _ in range(2):
        shop.later(days=60)
        shop.backup(reason="demand", retention={"last": 1, "days": 7})

    return [name for name in before if name in shop.names()]


def test_a_held_set_stays_also_when_its_record_is_damaged(shop: Shop) -> None:
    name = shop.backup(hold="before the move")["made"]
    (shop.root / ".records" / f"{name}.json").write_text("{")

    assert keep_two(shop) == [name]


def test_sets_that_came_without_records_stay_until_they_were_looked_at(shop: Shop) -> None:
    """Those that were copied to a new host must not go with its first backup."""
    name = shop.backup()["made"]
    shutil.rmtree(shop.root / ".records")

    assert keep_two(shop) == [name]

    shop.verify()

    assert keep_two(shop)[:1] != [name]


def test_a_set_whose_manifest_cannot_be_read_now_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shop.backup()["made"]
    original = BackupCatalogue._manifest_bytes

    def fails(catalogue: BackupCatalogue, one: str) -> bytes:
        if one == name:
            raise OSError(errno.EIO, "Input/output error")
        return original(catalogue, one)

    monkeypatch.setattr(BackupCatalogue, "_manifest_bytes", fails)

    assert keep_two(shop) == [name]


def test_a_set_of_a_later_format_stays(shop: Shop) -> None:
    name = shop.backup()["made"]
    path = shop.root / name / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))

    assert keep_two(shop) == [name]


def test_a_set_that_vanishes_while_sets_are_listed_is_no_error(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shop.backup()["made"]
    monkeypatch.setattr(Folder, "names", lambda _: ["20260101T000000Z", name])

    assert shop.names() == [name]
