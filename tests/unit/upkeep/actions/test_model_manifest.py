# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manifests on the controller: damage is named; with signers only what they signed last counts."""

from __future__ import annotations

import subprocess
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upkeep.actions import approved_files as approved
from upkeep.actions import model_manifest
from upkeep.actions.approved_files import RecordsError
from upkeep.actions.model_manifest import Manifest, Signers, load, parse, render

RECORDS = {"risk": {"sha256": "0" * 64}}
TEXT = render(Manifest("shop", 1, "2026-01-31", RECORDS))
NAME = "models@example.org"


def key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
    )
    return path


def sign(private: Path, path: Path, namespace: str = model_manifest.NAMESPACE) -> None:
    path.with_name(path.name + ".sig").unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(private), str(path)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a store of this test's own."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("UPKEEP_STORE", str(folder))

    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def approver(tmp_path: Path) -> Path:
    return key(tmp_path, "approver")


@pytest.fixture
def signers(tmp_path: Path, approver: Path) -> Signers:
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"{NAME} {approver.with_suffix('.pub').read_text()}")
    return Signers(allowed, NAME)


def problem(path: Path, signers: Signers | None = None) -> str:
    with pytest.raises(RecordsError) as caught:
        load(path, "shop", signers)

    return str(caught.value)


def test_no_file_holds_no_records(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yml", "shop") == Manifest("shop", 0, "", {})


def test_what_is_written_is_read(manifest: Path) -> None:
    assert load(manifest, "shop") == Manifest("shop", 1, "2026-01-31", RECORDS)


def test_texts_that_come_through_ansible_are_written_as_text() -> None:
    class TaggedText(str):
        __slots__ = ()

    made = Manifest(TaggedText("shop"), 1, "", {TaggedText("risk"): {"sha256": TaggedText("0")}})

    assert render(made) == render(Manifest("shop", 1, "", {"risk": {"sha256": "0"}}))


def test_the_manifest_of_another_system_is_refused(manifest: Path) -> None:
    with pytest.raises(RecordsError, match="of the system 'shop', not of 'other'"):
        load(manifest, "other")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"models: {md5: [", "line 1"),
        (b"\xff\xfe\x00", "damaged"),
        (b"- risk\n", "must map system"),
        (b"risk: {sha256: a}\n", "must map system"),
        (b"", "must map system"),
        (b"system: shop\nserial: 0\nmodels: {}\n", "serial is 0"),
        (b"system: shop\nserial: true\nmodels: {}\n", "serial is True"),
        (b"system: shop\nserial: 1\n", "names of models"),
        (b"system: shop\nserial: 1\nmodels: {1: {}}\n", "names of models"),
        (b"system: [a]\nserial: 1\nmodels: {}\n", "name of a system"),
        (b"system: shop\nserial: 1\nmodels: {risk: {}, risk: {}}\n", "duplicate key 'risk'"),
        (b"system: shop\nsystem: other\n", "duplicate key 'system'"),
        (b"system: !!python/object/apply:os.system [id]\n", "damaged"),
        (b"? [a]\n: b\n", "damaged"),
        (b"<<<<<<< HEAD\nrisk: {}\n=======\n", "damaged"),
        (b"system: shop\nserial: %s\nmodels: {}\n" % (b"9" * 5000), "damaged"),
    ],
)
def test_a_damaged_manifest_is_named(manifest: Path, content: bytes, word: str) -> None:
    manifest.write_bytes(content)

    assert word in problem(manifest)


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_records_or_a_named_problem(content: bytes) -> None:
    try:
        found = parse(content, Path("m.yml"))
    except RecordsError as error:
        assert "m.yml" in str(error)
    else:
        assert all(isinstance(name, str) for name in found.models)


def test_what_is_no_file_or_too_large_is_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be read" in problem(tmp_path)
    monkeypatch.setattr(approved, "LARGEST", 3)
    (tmp_path / "m.yml").write_text(TEXT)
    assert "larger" in problem(tmp_path / "m.yml")


def test_a_signed_manifest_counts(manifest: Path, approver: Path, signers: Signers) -> None:
    sign(approver, manifest)
    assert load(manifest, "shop", signers).models == RECORDS


def test_an_unsigned_one_does_not(manifest: Path, signers: Signers) -> None:
    assert "shop.yml.sig' is missing" in problem(manifest, signers)


def change(manifest: Path, approver: Path, folder: Path) -> None:
    sign(approver, manifest)
    manifest.write_text(TEXT.replace("serial: 1", "serial: 2"))


def by_another(manifest: Path, approver: Path, folder: Path) -> None:
    sign(key(folder, "stranger"), manifest)


def for_something_else(manifest: Path, approver: Path, folder: Path) -> None:
    sign(approver, manifest, "git")


def damage(manifest: Path, approver: Path, folder: Path) -> None:
    manifest.with_name("shop.yml.sig").write_text("no signature")


@pytest.mark.parametrize("spoil", [change, by_another, for_something_else, damage])
def test_any_other_signature_is_refused_and_says_how_to_sign(
    manifest: Path,
    approver: Path,
    signers: Signers,
    tmp_path: Path,
    spoil: t.Callable[[Path, Path, Path], None],
) -> None:
    spoil(manifest, approver, tmp_path)

    reason = problem(manifest, signers)

    assert f"not the signature of {NAME}" in reason
    assert "ssh-keygen -Y sign -n upkeep-models -f KEY" in reason


def test_signers_that_are_missing_trust_nobody(
    manifest: Path, approver: Path, tmp_path: Path
) -> None:
    sign(approver, manifest)
    assert "none' is missing" in problem(manifest, Signers(tmp_path / "none", NAME))


def test_what_is_returned_is_what_was_checked(
    manifest: Path, approver: Path, signers: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is exchanged while its signature is checked."""
    sign(approver, manifest)
    real = subprocess.run

    def exchange(*args: t.Any, **named: t.Any) -> t.Any:
        manifest.write_text(TEXT.replace("0" * 64, "1" * 64))
        return real(*args, **named)

    monkeypatch.setattr(model_manifest.subprocess, "run", exchange)

    assert load(manifest, "shop", signers).models == RECORDS


def test_a_check_that_hangs_is_a_problem(
    manifest: Path, signers: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.with_name("shop.yml.sig").write_text("")

    def hang(*args: t.Any, **named: t.Any) -> t.Any:
        raise subprocess.TimeoutExpired("ssh-keygen", 20)

    monkeypatch.setattr(model_manifest.subprocess, "run", hang)

    assert "cannot be checked" in problem(manifest, signers)


def signed(manifest: Path, approver: Path, serial: int, digit: str = "0") -> None:
    records = {"risk": {"sha256": digit * 64}}
    manifest.write_text(render(Manifest("shop", serial, "2026-01-31", records)))
    sign(approver, manifest)


def test_an_old_manifest_that_is_put_back_is_refused(
    manifest: Path, approver: Path, signers: Signers
) -> None:
    """Its signature is good for ever, and what was approved then may be known to be bad by now."""
    for serial in (1, 3):
        signed(manifest, approver, serial)
        load(manifest, "shop", signers)

    signed(manifest, approver, 2)

    assert "serial 2, and 3 was seen before" in problem(manifest, signers)


def test_another_manifest_of_the_same_serial_is_refused(
    manifest: Path, approver: Path, signers: Signers
) -> None:
    signed(manifest, approver, 3)
    load(manifest, "shop", signers)

    signed(manifest, approver, 3, digit="1")

    assert "raise the serial" in problem(manifest, signers)


def test_the_signed_manifest_of_another_system_is_refused(
    manifest: Path, approver: Path, signers: Signers
) -> None:
    sign(approver, manifest)

    with pytest.raises(RecordsError, match="not of 'bank'"):
        load(manifest, "bank", signers)


def test_each_system_has_serials_of_its_own(
    tmp_path: Path, approver: Path, signers: Signers
) -> None:
    for system, serial in (("shop", 7), ("bank", 2)):
        path = tmp_path / f"{system}.yml"
        path.write_text(render(Manifest(system, serial, "", {})))
        sign(approver, path)

        assert load(path, system, signers).serial == serial


@pytest.mark.parametrize("content", ["{", '{"version": 9}', '{"version": 1, "shop": "x"}'])
def test_a_memory_that_is_damaged_trusts_nothing(
    manifest: Path, approver: Path, signers: Signers, store: Path, content: str
) -> None:
    sign(approver, manifest)
    (store / "model_manifests_seen.json").write_text(content)

    assert "model_verification_seen_file" in problem(manifest, signers)


def test_a_memory_that_cannot_be_written_trusts_nothing(
    manifest: Path, approver: Path, signers: Signers, tmp_path: Path
) -> None:
    sign(approver, manifest)
    (tmp_path / "file").write_text("")

    with pytest.raises(RecordsError, match="cannot be used"):
        load(manifest, "shop", signers, seen=tmp_path / "file" / "seen.json")


def test_a_key_that_was_revoked_counts_no_more(
    manifest: Path, approver: Path, signers: Signers, tmp_path: Path
) -> None:
    sign(approver, manifest)
    revoked = tmp_path / "revoked"
    revoked.write_text(key(tmp_path, "other").with_suffix(".pub").read_text())

    assert load(manifest, "shop", replace(signers, revoked=revoked)).models == RECORDS

    revoked.write_text(approver.with_suffix(".pub").read_text())

    assert "revoked" in problem(manifest, replace(signers, revoked=revoked))
    assert "is missing" in problem(manifest, replace(signers, revoked=tmp_path / "none"))
