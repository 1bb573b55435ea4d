# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each damage of each kind of artefact, after a set was published and before its manifest exists.

Before: the file was cut or changed while it was written, and what was wrong was hashed as if it
were right. docs/backup-format.md has the table of which check finds which damage; ``FOUND_BY`` is
the same for tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.backup import verify as verifying
from ansible.module_utils.upkeep.backup.artefacts.kind import Workplace
from ansible.module_utils.upkeep.backup.catalogue import BackupSet
from ansible.module_utils.upkeep.backup.manifest import BackupManifest
from ansible.module_utils.upkeep.base.deadline import Deadline

from tests.faults.conftest import HOURS, command_artefact, dump_artefact, sample
from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.postgresql.server import Server, binaries
from tests.unit.module_utils.redis_tune.server import running
from upkeep import PROJECT

#: Places in each file that are tried.
POINTS: t.Final = tuple(range(30))
CHECK: t.Final = "backup_set:20260301T020000Z"
FILES: t.Final = {
    "database/database.dump.zst": "the end of the compressed stream, or rows against counts",
    "database/globals.sql.zst": "the end of the compressed stream, or the line that ends it",
    "files/files.tar.zst": "the end of the compressed stream, or members against counts",
    "orders/database.sqlite.zst": "the end of the compressed stream, or integrity_check",
    "export/output.zst": "the end of the compressed stream",
    "redis/dump.rdb.zst": "the end of the compressed stream, or redis-check-rdb",
    "entries/journal.export.zst": "the end of the compressed stream",
    "secrets/files.tar.zst.age": "the size of the plain file",
}
#: What can be read with a key only, which the host does not have: a wrong bit in it was read back
#: before it was encrypted.
SEALED: t.Final = "secrets/files.tar.zst.age"
RECIPIENT: t.Final = "age17nazuvedn759pq8phkr4y0ssxa9qku260ernegc4c0w7ytte8qpsq4cafd"
ACCOUNT: t.Final = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()
FOUND_BY: t.Final = {
    "truncated": "bytes instead of",
    "longer": "bytes instead of",
    "bit": "its sha256 differs",
    "missing file": "is missing",
    "more files": "not in the manifest",
    "manifest missing": "its manifest cannot be read",
    "manifest cut": "its manifest is not usable: it is damaged",
    "manifest bit": "its manifest is not usable",
    "manifest edited": "its manifest is not the one that was published",
}
#: Kind of damage -> its row in the table of docs/backup-format.md.
ROW_OF: t.Final = {
    "truncated": "a file is truncated or longer",
    "longer": "a file is truncated or longer",
    "bit": "a wrong bit",
    "missing file": "a file is missing, or there are more files",
    "more files": "a file is missing, or there are more files",
    "manifest missing": "the manifest is missing, cut short, or has a wrong bit",
    "manifest cut": "the manifest is missing, cut short, or has a wrong bit",
    "manifest bit": "the manifest is missing, cut short, or has a wrong bit",
    "manifest edited": "the manifest was edited, with a new checksum",
}


@pytest.fixture(scope="module")
def original(pg: Server, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return a host with one set of all kinds; tests work on copies of it."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    tables = (
        "CREATE TABLE orders (id integer, note text)",
        "INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 2000) n",
    )
    database = pg.create_database("", *tables)
    (shop.app / "image").write_bytes(bytes(range(256)) * 50)
    tools = shop.folder / "tools"
    tools.mkdir()
    (tools / "journalctl").write_text("#!/bin/sh\nseq 1 3000\n")
    (tools / "journalctl").chmod(0o755)
    (shop.folder / "redis").mkdir()
    with pytest.MonkeyPatch.context() as patch, running(shop.folder / "redis") as redis:
        patch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        for number in range(500):
            redis.ask("SET", f"key:{number}", f"value {number}")
        made = shop.backup(
            artefacts=[
                dump_artefact(pg, database, binaries()),
                shop.files_artefact(),
                shop.sqlite_artefact(),
                command_artefact(),
                {"name": "redis", "redis": {"port": redis.port, "account": ACCOUNT}},
                {"name": "entries", "journal": {"units": ["shop.service"], "days": 7}},
                {**shop.files_artefact(), "name": "secrets", "encrypt": True},
            ],
            recipient=RECIPIENT,
        )

    assert set(statuses(made).values()) == {"ok"}, made

    return shop


@pytest.fixture
def damaged(original: Shop, tmp_path: Path) -> Shop:
    """Return the same host with a copy of its catalogue."""
    copy = Shop.__new__(Shop)
    vars(copy).update(vars(original), root=tmp_path / "sets")
    shutil.copytree(original.root, copy.root)
    for path in (copy.root, *copy.root.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)

    return copy


def the_set(shop: Shop) -> Path:
    """Return the folder of its one set."""
    [name] = shop.names()

    return shop.root / name


def cuts(data: bytes) -> Iterator[bytes]:
    """Yield the beginnings of a file that are tried."""
    for point in sample(POINTS, 4):
        yield data[: len(data) * point // len(POINTS)]


def bits(data: bytes) -> Iterator[bytes]:
    """Yield a file with one bit changed, at the places that are tried."""
    for point in sample(POINTS, 4):
        changed = bytearray(data)
        changed[len(data) * point // len(POINTS)] ^= 1 << point % 8
        yield bytes(changed)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("kind", "damage"), [("truncated", cuts), ("bit", bits)])
def test_damage_of_a_published_file_is_found_wherever_it_is(
    damaged: Shop, name: str, kind: str, damage: Callable[[bytes], Iterator[bytes]]
) -> None:
    path = the_set(damaged) / name
    good = path.read_bytes()
    for number, bad in enumerate(damage(good)):
        path.write_bytes(bad)
        answer = damaged.verify(reread_days=0, promised_hours=HOURS)

        assert FOUND_BY[kind] in message(answer, CHECK), number

    path.write_bytes(good)

    assert statuses(damaged.verify(reread_days=0))[CHECK] == "ok"


@pytest.mark.parametrize("name", FILES)
def test_damage_that_was_hashed_as_if_it_were_right_is_found(damaged: Shop, name: str) -> None:
    path = the_set(damaged) / name
    good = path.read_bytes()
    tried = [*cuts(good)] if name == SEALED else [*cuts(good), *bits(good)]
    for number, bad in enumerate(tried):
        path.write_bytes(bad)

        found = meaning_problems(damaged, name) or is_harmless(good, bad)
        assert found, f"{FILES[name]} did not find damage {number}"

    path.write_bytes(good)

    assert meaning_problems(damaged, name) == []


def is_harmless(good: bytes, bad: bytes) -> bool:
    """Return whether nothing is lost: some bits of a compressed stream mean nothing."""
    expanded = [
        subprocess.run(["zstd", "-qdc"], input=data, capture_output=True) for data in (good, bad)
    ]

    return expanded[1].returncode == 0 and expanded[0].stdout == expanded[1].stdout


def meaning_problems(shop: Shop, name: str) -> list[str]:
    """Return what is wrong with an artefact after all its files were hashed as they are."""
    with shop.catalogue() as catalogue:
        [one] = catalogue.sets()
        artefact = manifest_of(one).artefact(name.partition("/")[0])
        assert artefact
        files = []
        for file in artefact.files:
            with (shop.root / one.name / file.path).open("rb") as stream:
                size, digest = verifying.hash_of(stream, Deadline(30))
            files.append(replace(file, bytes=size, sha256=digest))

        return verifying.artefact_problems(
            replace(artefact, files=tuple(files)),
            lambda file: catalogue.open_file(one.name, file),
            Workplace(Deadline(60), tempfile.gettempdir()),
        )


def manifest_of(one: BackupSet) -> BackupManifest:
    """Return the manifest of a set that has one."""
    assert one.manifest

    return one.manifest


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_longer_or_too_many_is_found_without_reading(
    damaged: Shop, name: str
) -> None:
    path = the_set(damaged) / name
    good = path.read_bytes()

    path.write_bytes(good + b"x")
    longer = damaged.verify()
    path.write_bytes(good)
    more = path.with_name("more")
    more.write_text("x")
    extra = damaged.verify()
    more.unlink()
    path.unlink()
    gone = damaged.verify()

    assert FOUND_BY["longer"] in message(longer, CHECK)
    assert FOUND_BY["more files"] in message(extra, CHECK)
    assert FOUND_BY["missing file"] in message(gone, CHECK)


def edited(data: bytes) -> bytes:
    """Change the manifest and make its checksum anew, as somebody would who wants to hide it."""
    content = json.loads(data)
    del content["checksum"]
    content["artefacts"][0]["files"][0]["sha256"] = "0" * 64
    content["checksum"] = manifests._checksum(content)

    return json.dumps(content).encode()


def test_damage_of_a_manifest_is_found(damaged: Shop) -> None:
    path = the_set(damaged) / manifests.FILE_NAME
    good = path.read_bytes()
    tried = [("manifest edited", edited(good))]
    tried += [("manifest cut", bad) for bad in cuts(good)]
    tried += [("manifest bit", bad) for bad in bits(good)]
    for kind, bad in tried:
        path.write_bytes(bad)
        answer = damaged.verify()

        assert FOUND_BY[kind] in message(answer, CHECK)
        assert not answer["sets"][0]["is_verified"]

    path.unlink()

    assert FOUND_BY["manifest missing"] in message(damaged.verify(), CHECK)


def test_the_table_for_people_names_every_damage() -> None:
    text = (PROJECT / "docs" / "backup-format.md").read_text()
    table = text.partition("## Which check finds which damage")[2].partition("\n## ")[0]
    rows = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if " | " in line}

    assert set(ROW_OF) == set(FOUND_BY)
    assert sorted(set(ROW_OF.values()) - rows) == []
