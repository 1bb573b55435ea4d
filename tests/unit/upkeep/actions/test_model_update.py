# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate is read to its end and never loaded; what could run something is refused."""

from __future__ import annotations

import collections
import hashlib
import io
import os
import pickle
import subprocess
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upkeep.actions.model_manifest import Signers
from upkeep.actions.model_update import CandidateError, check, imports_of, require_harmless

GOOD: t.Final = pickle.dumps({"model": collections.OrderedDict(a=[1, 2.5]), "features": ["a"]})
TEXT: t.Final = b"tree\nversion=v3\nTree=0\nend of trees\n\npandas_categorical:null\n"

#: What numpy writes for 1.5; a variable is assigned in it and used later only.
SCALAR: t.Final = (
    b"\x80\x02cnumpy.core.multiarray\nscalar\nq\x00cnumpy\ndtype\nq\x01X\x02\x00\x00\x00f8q\x02"
    b"\x89\x88\x87q\x03Rq\x04(K\x03X\x01\x00\x00\x00<q\x05NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    b"K\x00tq\x06bC\x08\x00\x00\x00\x00\x00\x00\xf8?q\x07\x86q\x08Rq\x09."
)


class Runs:
    """Would run a command."""

    def __reduce__(self) -> tuple[t.Any, ...]:
        return os.system, ("touch /tmp/ran",)


def packed(*operations: bytes) -> bytes:
    return b"\x80\x04" + b"".join(operations) + b"."


def text(word: str) -> bytes:
    return b"\x8c" + bytes([len(word)]) + word.encode()


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Return a good candidate."""
    path = tmp_path / "new.pkl"
    path.write_bytes(GOOD)

    return path


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_good_candidate_is_described(candidate: Path) -> None:
    md5 = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()

    found = check(candidate, sum_of(candidate).upper(), md5)

    assert found.format == "pickle"
    assert found.imports == ("collections.OrderedDict",)
    assert found.bytes == len(GOOD)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_all_protocols_are_read(protocol: int) -> None:
    value = [collections.OrderedDict(a=1), collections.OrderedDict(), {"n": (1, 2.5, None, b"z")}]

    assert "collections.OrderedDict" in imports_of(pickle.dumps(value, protocol), "m")


STACK_GLOBAL = b"\x93"
HOSTILE: t.Final = {
    "reduce": (pickle.dumps(Runs()), "would import posix.system"),
    "global": (b"cos\nsystem\n(S'id'\ntR.", "would import os.system"),
    "inst": (b"(S'id'\nios\nsystem\n.", "would import os.system"),
    "builtins": (b"cbuiltins\neval\n(S'1'\ntR.", "would import builtins.eval"),
    "getattr": (b"cbuiltins\ngetattr\n.", "would import builtins.getattr"),
    "pip": (b"cpip\nmain\n(]S'install'\natR.", "would import pip.main"),
    "torch": (b"ctorch.serialization\nload\n.", "would import torch.serialization.load"),
    "stack": (packed(text("os"), text("system"), STACK_GLOBAL), "would import os.system"),
    "memo": (
        packed(
            text("os"), b"\x94", b"0", text("system"), b"\x94", b"0", b"h\x00h\x01", STACK_GLOBAL
        ),
        "would import os.system",
    ),
    # Allowed names are pushed last and taken away again: who looks at the opcodes before it is
    # led astray.
    "popped": (
        packed(
            text("os"), text("system"), text("collections"), text("OrderedDict"), b"00",
            STACK_GLOBAL,
        ),
        "would import os.system",
    ),
    "put again": (
        packed(text("collections"), b"q\x00", text("os"), b"q\x00", b"00", b"h\x00",
               text("system"), STACK_GLOBAL),
        "would import os.system",
    ),
    "worked out": (packed(b"K\x01", text("system"), STACK_GLOBAL), "works out first"),
    "list as name": (packed(b"]", text("system"), STACK_GLOBAL), "works out first"),
    "extension": (packed(b"\x82\x01"), "uses EXT1"),
    "persistent": (b"Pid\n.", "uses PERSID"),
    "second pickle": (GOOD + pickle.dumps(Runs()), "bytes behind its pickle"),
    "behind": (GOOD + b"\0", "1 bytes behind its pickle"),
    "cut short": (GOOD[:-1], "cannot be read to its end"),
    "archive": (b"PK\x03\x04rest", "cannot be read to its end"),
    "compressed": (b"\x1f\x8b\x08rest", "cannot be read to its end"),
    "empty stack": (packed(STACK_GLOBAL), "cannot be read to its end"),
    "long claim": (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "cannot be read to its end"),
    # Both ways of filling the memo, mixed, with names that are allowed in the later places.
    "mixed memo": (
        packed(
            text("os"), b"q\x00", text("system"), b"q\x01", text("collections"), b"\x94",
            text("OrderedDict"), b"\x94", b"0000h\x00h\x01", STACK_GLOBAL,
        ),
        "would import os.system",
    ),
    # Attributes of what is allowed are set and then used as names.
    "set attributes": (
        b"\x80\x04ccollections\nOrderedDict\nN(Va\nVos\nd\x86b0"
        b"ccollections\nOrderedDict.a\np0\n0ccollections\nOrderedDict.a\np1\n0"
        b"g0\ng1\n\x93.",
        "works out first",
    ),
    "no such memo": (packed(b"h\x07", text("system"), STACK_GLOBAL), "cannot be read to its end"),
    "collect_env": (b"ctorch.utils.collect_env\nrun\n.", "torch.utils.collect_env.run"),
    "spawn": (b"cmultiprocessing.util\nspawnv_passfds\n.", "multiprocessing.util.spawnv"),
    "read_csv": (b"cpandas.io.parsers.readers\nread_csv\n.", "pandas.io.parsers.readers"),
    # Files from the trackers of picklescan, fickling, modelscan and modelaudit.
    "memo out of order": (
        b"Vos\np2\n0Vsystem\np3\n0Vtorch\np0\n0VLongStorage\np1\n0"
        b"g2\ng3\n\x93(Vid\ntR.",
        "would import os.system",
    ),
    "pty by OBJ": (b'(cpty\nspawn\nS"id"\no.', "would import pty.spawn"),
    "methodcaller": (b"c_operator\nmethodcaller\n.", "would import _operator.methodcaller"),
    "getlincoef": (b"cnumpy.f2py.crackfortran\ngetlincoef\n.", "crackfortran.getlincoef"),
    "partial": (b"cfunctools\npartial\n.", "would import functools.partial"),
    "_io": (b"c_io\nFileIO\n.", "would import _io.FileIO"),
    "scanner": (b"cpicklescan.scanner\nscan_pickle_bytes\n.", "would import picklescan"),
    "long names": (
        packed(*(b"\x8d" + len(n).to_bytes(8, "little") + n for n in (b"os", b"system")), b"\x93"),
        "would import os.system",
    ),
    "long array": (b"\x80\x05\x96" + b"\x00" * 5 + b"\x01\x00\x00.", "cannot be read to its end"),
    # joblib writes the bytes of an array into the pickle; what follows would be read by nobody.
    "array inside": (GOOD[:-1] + b"\xff\xfe\xfd" * 8 + pickle.dumps(Runs()), "cannot be read"),
    "dotted": (b"ccollections\nOrderedDict.__init__\n.", "would import"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_run_something_is_refused(name: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[name]
    path = tmp_path / "evil.pkl"
    path.write_bytes(content)

    with pytest.raises(CandidateError) as error:
        check(path, sum_of(path))

    assert reason in str(error.value)
    assert not Path("/tmp/ran").exists()  # noqa: S108 - what the pickle would make


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]\x94h\x00a.",  # a list that holds itself
        SCALAR,
        pickle.dumps(collections.OrderedDict(a=1), 1),
    ],
    ids=["cyclic", "scalar", "without NEWOBJ"],
)
def test_what_other_scanners_stumble_over_is_read(content: bytes) -> None:
    assert require_harmless(content, "m") == sorted(imports_of(content, "m"))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        require_harmless(content, "m")
    except CandidateError:
        return

    class Refusing(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> t.Any:
            raise AssertionError(f"{module}.{name}")

    try:
        Refusing(io.BytesIO(content)).load()
    except AssertionError:
        raise
    except Exception:
        return


def test_a_profile_may_allow_a_name_but_none_that_runs_things() -> None:
    content = b"csklearn.svm._classes\nSVC\n."
    with pytest.raises(CandidateError, match="not allowed"):
        require_harmless(content, "m")

    assert require_harmless(content, "m", ["sklearn.svm._classes.SVC"])
    for never in ("os.system", "builtins.eval", "subprocess.Popen", "sys"):
        with pytest.raises(CandidateError, match="cannot be allowed"):
            require_harmless(GOOD, "m", [never])


#: What gradient boosting of scikit-learn 1.2, 1.4 and 1.9 imports beside its trees.
BOOSTING: t.Final = {
    "1.2": ["sklearn.ensemble._gb_losses.BinomialDeviance"],
    "1.4": [
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.__pyx_unpickle_CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
    ],
    "1.9": [
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfMultinomialLoss",
    ],
}


@pytest.mark.parametrize("release", BOOSTING)
def test_gradient_boosting_of_all_releases_is_allowed(release: str) -> None:
    for name in BOOSTING[release]:
        module, _, last = name.rpartition(".")
        assert require_harmless(f"c{module}\n{last}\n.".encode(), "m") == [name]

    with pytest.raises(CandidateError, match="not allowed"):
        require_harmless(b"csklearn._loss.loss\n_LOSSES\n.", "m")


@pytest.mark.parametrize(
    ("sha256", "md5", "reason"),
    [("", "", "name the checksum"), ("0" * 64, "", "has the SHA-256"), (None, "0" * 32, "the MD5")],
)
def test_only_the_file_that_was_asked_for_counts(
    candidate: Path, sha256: str | None, md5: str, reason: str
) -> None:
    with pytest.raises(CandidateError, match=reason):
        check(candidate, sum_of(candidate) if sha256 is None else sha256, md5)


def test_lightgbm_text_needs_no_list_but_its_end(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_bytes(TEXT)
    assert check(path, sum_of(path)).format == "lightgbm"

    for content, reason in [(TEXT[:30], "without its end"), (TEXT + b"\xff", "other bytes")]:
        path.write_bytes(content)
        with pytest.raises(CandidateError, match=reason):
            check(path, sum_of(path))


def test_an_empty_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(CandidateError, match="is empty"):
        check(tmp_path / "empty", "x")
    with pytest.raises(CandidateError, match="cannot be read"):
        check(tmp_path / "none", "x")


def test_a_signature_counts_for_the_very_bytes(candidate: Path, tmp_path: Path) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"models@example.org {key.with_suffix('.pub').read_text()}")
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "upkeep-models", "-f", key, candidate]
    subprocess.run(sign, check=True, capture_output=True)
    trusted = Signers(signers, "models@example.org")

    assert check(candidate, "", signers=trusted).sha256 == sum_of(candidate)

    candidate.write_bytes(GOOD[:-2] + b"..")
    with pytest.raises(CandidateError, match="is not the signature"):
        check(candidate, "", signers=trusted)
    candidate.with_name("new.pkl.sig").unlink()
    with pytest.raises(CandidateError, match="is missing"):
        check(candidate, sum_of(candidate), signers=trusted)
