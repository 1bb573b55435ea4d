# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is encrypted comes back with its key only, and the key is in no message and no file."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.restore.conftest import Rehearse, RestoringShop

SECRET = "PASSWORD=canary"  # noqa: S105 - of this test


def made_key() -> tuple[str, str]:
    """Return a private key of age, and its public one."""
    done = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)

    return done.stdout, done.stderr.rpartition(" ")[2].strip()


def seal(shop: RestoringShop, recipient: str) -> Path:
    """Encrypt the archive of the newest set, as a making does; return its file.

    Whatever else is in the set stays as it is.
    """
    folder = shop.root / shop.names()[-1]
    plain = next(folder.glob("files/*.zst"))
    sealed = plain.with_name(f"{plain.name}.age")
    argv = ["age", "--encrypt", "--recipient", recipient, "--output", str(sealed), str(plain)]
    subprocess.run(argv, check=True)
    plain.unlink()

    path = folder / "manifest.json"
    manifest = manifests.load(path.read_bytes(), folder.name)
    artefact, *others = manifest.artefacts
    data = sealed.read_bytes()
    file = manifests.SetFile(
        f"files/{sealed.name}", len(data), hashlib.sha256(data).hexdigest(), "age"
    )
    encrypted = replace(manifest, artefacts=(replace(artefact, files=(file,)), *others))
    path.write_bytes(manifests.dump(encrypted))
    # It came to this host without its record, whose hash is that of the old manifest.
    for record in (shop.root / ".records").iterdir():
        record.unlink()

    return sealed


@pytest.fixture
def key(shop: RestoringShop) -> str:
    """Return the key of a set with a secret, which was lost since."""
    (shop.app / ".env").write_text(SECRET)
    shop.backup()
    identity, recipient = made_key()
    seal(shop, recipient)
    (shop.app / ".env").write_text("lost")

    return identity


def test_with_its_key_it_comes_back(shop: RestoringShop, key: str) -> None:
    answer = shop.restore(set=shop.names()[-1], age_identity=key)

    assert statuses(answer)["restore:files"] == "ok"
    assert (shop.app / ".env").read_text() == SECRET
    assert key.splitlines()[-1] not in str(answer)
    assert not [
        path
        for path in shop.folder.rglob("*")
        if path.is_file() and b"AGE-SECRET-KEY" in path.read_bytes()
    ]


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("", "is encrypted; give the private key as age_identity"),
        ("other", "age ended with 1"),
        ("AGE-SECRET-KEY-1CANARY", "age ended with 1"),
    ],
)
def test_without_it_nothing_is_replaced_and_no_key_is_shown(
    shop: RestoringShop, key: str, identity: str, said: str
) -> None:
    given = made_key()[0] if identity == "other" else identity
    with pytest.raises(RestoreError, match=said) as raised:
        shop.restore(set=shop.names()[-1], artefacts=["files"], age_identity=given)

    assert "CANARY" not in str(raised.value)
    assert "SECRET-KEY" not in str(raised.value)
    assert (shop.app / ".env").read_text() == "lost"
    assert shop.kept(shop.app) == []


@pytest.mark.usefixtures("key")
def test_a_rehearsal_compares_its_bytes(shop: RestoringShop, rehearsed: Rehearse) -> None:
    answer = rehearsed(set=shop.names()[-1])

    assert statuses(answer)["rehearsal:files"] == "ok"
    assert "its key is not on this host" in message(answer, "rehearsal:files")


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_left_out_of_a_restore_of_everything_is_named(
    shop: RestoringShop, check_mode: bool
) -> None:
    shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])
    identity, recipient = made_key()
    seal(shop, recipient)
    name = shop.names()[-1]

    answer = shop.restore(check_mode, set=name)

    assert statuses(answer)["restore:files"] == "warning"
    assert "it is encrypted and not restored" in message(answer, "restore:files")

    shop.later(seconds=1)

    assert statuses(shop.restore(set=name, age_identity=identity))["restore:files"] == "ok"
    shop.later(seconds=1)
    assert "restore:files" not in statuses(shop.restore(set=name, artefacts=["orders"]))
