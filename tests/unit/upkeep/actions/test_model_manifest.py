# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted records on the controller: damage is named, and with signers only what they signed counts."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from upkeep.actions import approved_files as approved
from upkeep.actions import model_manifest
from upkeep.actions.approved_files import RecordsError
from upkeep.actions.model_manifest import Signers, load, parse

TEXT = "risk:\n  md5: 00000000000000000000000000000000\n"
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
        load(path, signers)
    return str(caught.value)


def test_no_file_and_an_empty_one_hold_no_records(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yml") == {}
    (tmp_path / "empty.yml").write_text("---\n# nothing yet\n")
    assert load(tmp_path / "empty.yml") == {}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"risk: {md5: [", "line 1"),
        (b"\xff\xfe\x00", "damaged"),
        (b"- risk\n", "map names"),
        (b"1: {}\n", "map names"),
        (b"risk: {}\nrisk: {}\n", "'risk' stands there twice"),
        (b"risk: {md5: a, md5: b}\n", "'md5' stands there twice"),
        (b"risk: !!python/object/apply:os.system [id]\n", "damaged"),
        (b"? [a]\n: b\n", "damaged"),
        (b"<<<<<<< HEAD\nrisk: {}\n=======\n", "damaged"),
        (b"a: &a [*a]\n", ""),
    ],
)
def test_a_damaged_manifest_is_named(manifest: Path, content: bytes, word: str) -> None:
    manifest.write_bytes(content)
    if word:
        assert word in problem(manifest)
    else:
        assert set(load(manifest)) == {"a"}


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_records_or_a_named_problem(content: bytes) -> None:
    try:
        records = parse(content, Path("m.yml"))
    except RecordsError as error:
        assert "m.yml" in str(error)
    else:
        assert all(isinstance(name, str) for name in records)


def test_what_is_no_file_or_too_large_is_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be read" in problem(tmp_path)
    monkeypatch.setattr(approved, "LARGEST", 3)
    (tmp_path / "m.yml").write_text(TEXT)
    assert "larger" in problem(tmp_path / "m.yml")


def test_a_signed_manifest_counts(manifest: Path, approver: Path, signers: Signers) -> None:
    sign(approver, manifest)
    assert load(manifest, signers) == yaml.safe_load(TEXT)


def test_an_unsigned_one_does_not(manifest: Path, signers: Signers) -> None:
    assert "shop.yml.sig' is missing" in problem(manifest, signers)


def change(manifest: Path, approver: Path, folder: Path) -> None:
    sign(approver, manifest)
    manifest.write_text(TEXT + "more: {}\n")


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
    said = problem(manifest, signers)
    assert f"not the signature of {NAME}" in said
    assert "ssh-keygen -Y sign -n upkeep-models -f KEY" in said


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
        manifest.write_text("risk: {md5: planted}\n")
        return real(*args, **named)

    monkeypatch.setattr(model_manifest.subprocess, "run", exchange)

    assert load(manifest, signers) == yaml.safe_load(TEXT)


def test_a_check_that_hangs_is_a_problem(
    manifest: Path, signers: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.with_name("shop.yml.sig").write_text("")

    def hang(*args: t.Any, **named: t.Any) -> t.Any:
        raise subprocess.TimeoutExpired("ssh-keygen", 20)

    monkeypatch.setattr(model_manifest.subprocess, "run", hang)

    assert "cannot be checked" in problem(manifest, signers)
