# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds secrets is written in encrypted form only, whole, and is never kept without a key."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import making, programs
from ansible.module_utils.upkeep.backup.settings import SettingsError

from tests.unit.module_utils.backup.conftest import Shop, message, statuses

SECRET = "PASSWORD=canary-51f0"  # noqa: S105 - of this test
StandIn = Callable[[str, str], None]


@pytest.fixture(scope="module")
def key() -> tuple[str, str]:
    """Return a private key of age, and its public one."""
    done = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)

    return done.stdout, done.stderr.rpartition(" ")[2].strip()


def secret_artefact(shop: Shop, **options: t.Any) -> dict[str, t.Any]:
    """Return the entry of an environment file with a secret."""
    path = shop.folder / ".env"
    path.write_text(f"{SECRET}\n")

    return {"name": "environment", "encrypt": True, "files": {"paths": [str(path)]}, **options}


def unpacked(data: bytes) -> bytes:
    """Return what zstd gives back."""
    return subprocess.run(["zstd", "-dc"], input=data, check=True, capture_output=True).stdout


def test_a_secret_is_in_the_encrypted_file_and_nowhere_else(
    shop: Shop, key: tuple[str, str], tmp_path: Path
) -> None:
    artefacts = [shop.files_artefact(), secret_artefact(shop)]
    staging = tmp_path / "staging"
    staging.mkdir()

    answer = shop.backup(artefacts=artefacts, recipient=key[1], staging=str(staging))
    sealed = shop.root / answer["made"] / "environment" / "files.tar.zst.age"
    identity = tmp_path / "identity"
    identity.write_text(key[0])
    argv = ["age", "--decrypt", "--identity", str(identity), str(sealed)]
    plain = subprocess.run(argv, check=True, capture_output=True).stdout

    assert set(statuses(answer).values()) == {"ok"}
    assert SECRET.encode() in unpacked(plain)
    assert SECRET not in str(answer)
    assert list(staging.iterdir()) == []
    assert sorted(path.name for path in sealed.parent.iterdir()) == ["files.tar.zst.age"]
    for path in [one for one in shop.root.rglob("*") if one.is_file() and one != sealed]:
        data = path.read_bytes()
        assert SECRET.encode() not in (unpacked(data) if path.suffix == ".zst" else data)


def test_nothing_is_in_the_folder_before_it_is_encrypted(
    shop: Shop, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Path]] = []
    encrypted = making.encrypted

    def watched(*arguments: t.Any) -> t.Any:
        seen.append([path for path in shop.root.glob(".making*/**/*") if path.is_file()])
        return encrypted(*arguments)

    monkeypatch.setattr(making, "encrypted", watched)
    shop.backup(artefacts=[secret_artefact(shop)], recipient=key[1])

    assert seen == [[]]


def test_it_is_verified_without_its_key(shop: Shop, key: tuple[str, str]) -> None:
    made = shop.backup(artefacts=[secret_artefact(shop)], recipient=key[1])["made"]
    shop.later(hours=1)
    good = statuses(shop.verify(reread_days=0))[f"backup_set:{made}"]

    sealed = shop.root / made / "environment" / "files.tar.zst.age"
    data = sealed.read_bytes()
    sealed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    damaged = statuses(shop.verify(reread_days=0))[f"backup_set:{made}"]

    assert (good, damaged) == ("ok", "critical")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 3", "age ended with 3"),
        ("cat >/dev/null", "it is not a file of age"),
        ("cat", "it is not a file of age"),
        ('/usr/bin/age "$@" | head -c -1', "bytes instead of"),
        ('/usr/bin/age "$@" | head -c 190', "instead of"),
    ],
    ids=["fails", "writes-nothing", "encrypts-nothing", "cut-by-one", "cut-short"],
)
def test_an_age_that_fails_or_ends_early_leaves_no_set(
    shop: Shop, key: tuple[str, str], stand_in: StandIn, body: str, reason: str
) -> None:
    stand_in("age", body)
    answer = shop.backup(artefacts=[secret_artefact(shop)], recipient=key[1])

    assert statuses(answer)["backup:environment"] == "critical"
    assert reason in message(answer, "backup:environment") or body.endswith("190")
    assert shop.names() == []


def test_without_a_public_key_the_rest_is_kept_and_it_is_a_warning(shop: Shop) -> None:
    artefacts = [shop.files_artefact(), secret_artefact(shop, requirements=["R-shop-01"])]
    observed = shop.backup(artefacts=artefacts, state="observed")
    answer = shop.backup(artefacts=artefacts)

    assert statuses(observed)["backup:environment"] == "warning"
    assert statuses(answer)["backup:environment"] == "warning"
    assert "set backup_recipient" in message(answer, "backup:environment")
    assert not (shop.root / answer["made"] / "environment").exists()
    assert (shop.root / answer["made"] / "files").exists()


def test_what_is_too_large_for_memory_is_refused(
    shop: Shop, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "MAX_BYTES", 1 << 20)
    (shop.app / "large").write_bytes(os.urandom(3 << 20))
    artefact = {**shop.files_artefact(), "encrypt": True}

    answer = shop.backup(artefacts=[artefact], recipient=key[1])

    assert "too much for memory" in message(answer, "backup:files")
    assert shop.names() == []


def test_what_needs_copies_on_a_disk_is_not_encrypted(shop: Shop, key: tuple[str, str]) -> None:
    artefact = {**shop.sqlite_artefact(), "encrypt": True}

    with pytest.raises(SettingsError, match="sqlite needs copies on a disk"):
        shop.backup(artefacts=[artefact], recipient=key[1])


def test_a_private_key_is_refused_as_public_one_and_not_shown(
    shop: Shop, key: tuple[str, str]
) -> None:
    private = key[0].splitlines()[-1]

    with pytest.raises(SettingsError, match="not a public key as age-keygen prints it") as raised:
        shop.backup(artefacts=[secret_artefact(shop)], recipient=private)

    assert private not in str(raised.value)
