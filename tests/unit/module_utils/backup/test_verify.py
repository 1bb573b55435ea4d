# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every damage of a published set is found, at whatever place, and a good set raises no alarm."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.backup import verify as verifying
from ansible.module_utils.upkeep.backup.artefacts.kind import Workplace
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue
from ansible.module_utils.upkeep.backup.manifest import Artefact, SetFile
from ansible.module_utils.upkeep.base.deadline import Deadline

from tests.unit.module_utils.backup.conftest import Shop, message, statuses

CHECK = "backup_set:20260301T020000Z"


@pytest.fixture
def made(shop: Shop) -> Path:
    """Return the folder of a good set."""
    name = shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])["made"]
    return shop.root / str(name)


def test_a_good_set_raises_no_alarm(shop: Shop, made: Path) -> None:
    shop.later(days=1)

    answer = shop.verify(reread_days=0)

    assert set(statuses(answer).values()) == {"ok"}
    assert answer["sets"][0]["is_verified"]


@pytest.mark.parametrize("name", ["files/files.tar.zst", "orders/database.sqlite.zst"])
def test_a_changed_bit_is_found(shop: Shop, made: Path, name: str) -> None:
    data = bytearray((made / name).read_bytes())
    data[len(data) // 2] ^= 4
    (made / name).write_bytes(data)

    answer = shop.verify(reread_days=0)

    assert "its sha256 differs" in message(answer, CHECK)
    assert statuses(answer)["backup:age"] == "critical"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_is_found_without_reading(
    shop: Shop, made: Path, change: int
) -> None:
    file = made / "files" / "files.tar.zst"
    os.truncate(file, file.stat().st_size + change)

    answer = shop.verify()  # nothing is due

    assert "bytes instead of" in message(answer, CHECK)


def test_a_missing_file_is_found(shop: Shop, made: Path) -> None:
    (made / "files" / "files.tar.zst").unlink()

    assert "is missing" in message(shop.verify(), CHECK)


def test_a_file_that_does_not_belong_is_found(shop: Shop, made: Path) -> None:
    (made / "files" / "more").write_text("x")

    assert "not in the manifest: files/more" in message(shop.verify(), CHECK)


def test_a_file_that_became_a_link_is_found(shop: Shop, made: Path) -> None:
    file = made / "files" / "files.tar.zst"
    file.rename(shop.folder / "elsewhere")
    file.symlink_to(shop.folder / "elsewhere")

    assert statuses(shop.verify(reread_days=0))[CHECK] == "critical"


def missing(data: bytes) -> bytes | None:
    return None


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def edited(data: bytes) -> bytes:
    """Change the manifest and make its checksum anew, as somebody would who wants to hide it."""
    content = json.loads(data)
    del content["checksum"]
    content["artefacts"][0]["files"][0]["sha256"] = "0" * 64
    content["checksum"] = manifests._checksum(content)
    return json.dumps(content).encode()


def deep(data: bytes) -> bytes:
    return b"[" * 100_000


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (missing, "cannot be read"),
        (cut, "is damaged"),
        (edited, "is not the one that was published"),
        (deep, "is damaged"),
    ],
)
def test_a_damaged_manifest_is_found(
    shop: Shop, made: Path, damage: t.Callable[[bytes], bytes | None], reason: str
) -> None:
    path = made / manifests.FILE_NAME
    data = damage(path.read_bytes())
    path.unlink() if data is None else path.write_bytes(data)

    answer = shop.verify()

    assert reason in message(answer, CHECK)
    assert not answer["sets"][0]["is_verified"]


def test_every_damaged_bit_of_a_manifest_is_found_without_its_record(
    shop: Shop, made: Path
) -> None:
    (shop.root / ".records" / f"{made.name}.json").unlink()
    data = (made / manifests.FILE_NAME).read_bytes()
    with shop.catalogue() as catalogue:
        for place in range(0, len(data), 7):
            damaged = bytearray(data)
            damaged[place] ^= 1
            (made / manifests.FILE_NAME).write_bytes(damaged)

            assert catalogue.set(made.name).problem


def test_an_archive_that_was_cut_is_found_before_its_manifest_is_written(
    shop: Shop, made: Path
) -> None:
    for name in ("files/files.tar.zst", "orders/database.sqlite.zst"):
        data = (made / name).read_bytes()
        for point in range(30):
            (made / name).write_bytes(data[: len(data) * point // 30])

            assert meaning_problems(shop, made, name)

        (made / name).write_bytes(data)

        assert meaning_problems(shop, made, name) == []


def meaning_problems(shop: Shop, made: Path, name: str) -> list[str]:
    """Return what is found in a file whose damage was hashed as if it were right."""
    with BackupCatalogue(str(shop.root)) as catalogue:
        manifest = catalogue.set(made.name).manifest
        assert manifest
        artefact = manifest.artefact(name.partition("/")[0])
        assert artefact
        with (made / name).open("rb") as stream:
            size, digest = verifying.hash_of(stream, Deadline(10))
        [file] = artefact.files
        wrong = SetFile(file.path, size, digest)
        hashed = Artefact(artefact.name, artefact.kind, (wrong,), artefact.facts)
        return verifying.artefact_problems(
            hashed,
            lambda one: catalogue.open_file(made.name, one),
            Workplace(Deadline(30), tempfile.gettempdir()),
        )


def test_a_set_without_a_record_is_not_counted_until_it_is_verified(shop: Shop, made: Path) -> None:
    (shop.root / ".records" / f"{made.name}.json").unlink()

    with shop.catalogue() as catalogue:
        assert catalogue.newest_verified() is None

    answer = shop.verify()

    assert statuses(answer)["backup:age"] == "ok"
    assert statuses(answer)[CHECK] == "ok"


def test_a_file_is_not_read_again_before_it_is_due(
    shop: Shop, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> list[str]:
        raise AssertionError("read again")

    monkeypatch.setattr(verifying, "artefact_problems", unexpected)
    shop.later(days=29)

    answer = shop.verify(reread_days=30, promised_hours=10_000)

    assert set(statuses(answer).values()) == {"ok"}
    assert "within 29 days" in message(answer, "backup:unread")


def test_too_little_time_is_no_damage(
    shop: Shop, made: Path, stand_in: t.Callable[[str, str], None]
) -> None:
    stand_in("zstd", "sleep 60")

    answer = shop.verify(reread_days=0, artefact_seconds=1)

    assert statuses(answer)["backup:verification"] == "unknown"
    assert "could not be read within 1 s" in message(answer, "backup:verification")
    assert statuses(answer)[CHECK] == "ok"


def test_a_missing_program_is_no_damage(
    shop: Shop, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    answer = shop.verify(reread_days=0)

    assert "zstd cannot be started" in message(answer, "backup:verification")
    assert statuses(answer)[CHECK] == "ok"


def test_a_held_set_stays_until_it_is_released(shop: Shop) -> None:
    keep = {"last": 1, "days": 0}
    name = shop.backup(reason="change", hold="before the move")["made"]
    shop.later(days=30)
    shop.backup(retention=keep)

    assert name in shop.names()

    released = shop.verify(release=[name])
    again = shop.verify(release=[name])
    shop.later(days=1)
    shop.backup(retention=keep)

    assert released["changed"]
    assert not again["changed"]
    assert name not in shop.names()


def test_verifying_changes_no_byte_of_a_set(shop: Shop, made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    shop.later(days=1)

    shop.verify(reread_days=0)

    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_damage_is_found_though_the_clock_was_set_back(shop: Shop, made: Path) -> None:
    [artefact] = [path for path in made.iterdir() if path.is_dir()][:1]
    [file] = artefact.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    shop.later(days=-1)

    assert statuses(shop.verify(reread_days=0))[CHECK] == "critical"


def test_a_catalogue_that_does_not_exist_breaks_the_promise(shop: Shop) -> None:
    assert statuses(shop.verify()) == {"backup:age": "critical", "backup:sets": "ok"}


def test_a_set_older_than_promised_is_critical(shop: Shop, made: Path) -> None:
    shop.later(hours=27)

    answer = shop.verify(promised_hours=26)

    assert statuses(answer)["backup:age"] == "critical"
    assert statuses(answer)[CHECK] == "ok"
