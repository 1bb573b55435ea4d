# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a candidate for a model on the controller, where it is never loaded.

A pickle runs whatever its file holds when it is loaded. So its opcodes are read to the end, and
every name that it would import must be on a list; two readers must agree on which these are.
"""

from __future__ import annotations

import hashlib
import io
import logging
import pickletools
import re
import typing as t
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from picklescan import scanner  # type: ignore[import-untyped]

from upkeep.actions.approved_files import RecordsError
from upkeep.actions.model_manifest import SUFFIX, Signers, require_signature

#: Larger candidates are refused, bytes.
LARGEST: t.Final = 2 << 30
#: More than this of opcodes is no model that we know.
MOST_OPCODES: t.Final = 20_000_000
#: What LightGBM writes first, and behind its trees, in its own text format, which holds no code.
LIGHTGBM: t.Final = b"tree\n"
LIGHTGBM_END: t.Final = b"end of trees"
#: What gradient boosting of scikit-learn minimizes, from its release 1.4 on.
_LOSSES: t.Final = (
    "AbsoluteError",
    "ExponentialLoss",
    "HalfBinomialLoss",
    "HalfMultinomialLoss",
    "HalfSquaredError",
    "HuberLoss",
    "PinballLoss",
)
_LIGHTGBM_SIZES: t.Final = re.compile(rb"\ntree_sizes=((?:[0-9]{1,12} )*[0-9]{1,12})\n")
#: How files of formats begin that cannot be read to their end here, and what they are.
_OTHER_FORMATS: t.Final = (
    (re.compile(rb"PK\x03\x04"), "a zip archive, as PyTorch, Keras and skops write it"),
    (re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|x[\x01\x9c\xda]"), "compressed"),
    (re.compile(rb"\x89HDF"), "HDF5"),
    (re.compile(rb".{8}\{\"", re.DOTALL), "safetensors"),
    (re.compile(rb"\x08[\x01-\x20].{0,40}onnx", re.DOTALL), "ONNX"),
    (re.compile(rb"\x80.*joblib\.?numpy_pickle", re.DOTALL), "of joblib with arrays inside"),
)
#: What models of LightGBM and scikit-learn need to be loaded. None of it can be given code to run.
ALLOWED: t.Final = frozenset(
    (
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.random._mt19937.MT19937",
        "numpy.random._pickle.__randomstate_ctor",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random.bit_generator.SeedSequence",
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        *(f"sklearn._loss.loss.{name}" for name in _LOSSES),
        *(f"sklearn._loss._loss.Cy{name}" for name in _LOSSES),
        *(f"sklearn._loss._loss.__pyx_unpickle_Cy{name}" for name in _LOSSES),
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._gb.GradientBoostingRegressor",
        "sklearn.ensemble._gb_losses.BinomialDeviance",
        "sklearn.ensemble._gb_losses.LeastSquaresError",
        "sklearn.ensemble._gb_losses.MultinomialDeviance",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._tree.Tree",
    )
)
#: Names that no profile may allow: each of them runs what it is given.
NEVER: t.Final = frozenset(("builtins", "os", "posix", "nt", "subprocess", "sys", "importlib"))

_STRINGS: t.Final = frozenset(
    (
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "UNICODE",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
    )
)
_PUT: t.Final = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GET: t.Final = frozenset(("GET", "BINGET", "LONG_BINGET"))
#: What a model has no use for, and what would hide what is imported.
_REFUSED: t.Final = frozenset(("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"))


class CandidateError(Exception):
    """A candidate that must not be used; the message gives the reason and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A candidate that was read to its end: checksums, bytes, format, names that it imports."""

    sha256: str
    md5: str
    bytes: int
    format: str
    imports: tuple[str, ...]


def check(
    path: Path,
    sha256: str,
    md5: str = "",
    allowed: Collection[str] = (),
    signers: Signers | None = None,
) -> Candidate:
    """Return what a candidate holds; raises CandidateError for one that must not be used.

    ``sha256`` is what somebody asked for; with ``signers`` its signature counts instead.
    """
    content = _content(path)
    found = hashlib.sha256(content).hexdigest()
    found_md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if signers:
        try:
            require_signature(content, path.with_name(path.name + SUFFIX), signers)
        except RecordsError as error:
            raise CandidateError(str(error).replace("manifest", "candidate")) from error
    elif not sha256:
        raise CandidateError(f"name the checksum of '{path}': only what somebody asked for counts")
    if sha256 and found != sha256.lower():
        raise CandidateError(f"'{path}' has the SHA-256 {found}, not {sha256}")
    if md5 and found_md5 != md5.lower():
        raise CandidateError(f"'{path}' has the MD5 {found_md5}, not {md5}")

    if content.startswith(LIGHTGBM):
        _require_text(content, path)
        return Candidate(found, found_md5, len(content), "lightgbm", ())

    imports = require_harmless(content, str(path), allowed)

    return Candidate(found, found_md5, len(content), "pickle", tuple(imports))


def require_harmless(content: bytes, name: str, allowed: Collection[str] = ()) -> list[str]:
    """Return the names that a pickle imports; raises CandidateError unless all are allowed."""
    for each in allowed:
        if each.partition(".")[0] in NEVER or "." not in each:
            raise CandidateError(f"'{each}' cannot be allowed: it runs what it is given")

    found = imports_of(content, name)
    if unknown := sorted(found - ALLOWED - set(allowed)):
        raise CandidateError(
            f"'{name}' would import {', '.join(unknown[:5])}, which is not allowed; save the model"
            " as LightGBM text, or allow the name after a look at what it does"
        )
    if (second := _second_reading(content, name)) != found:
        differing = ", ".join(sorted(second ^ found)[:5])
        raise CandidateError(f"'{name}' reads differently to two readers ({differing})")

    return sorted(found)


def imports_of(content: bytes, name: str) -> set[str]:
    """Return the names that one pickle imports, by following its stack to the last byte.

    Raises CandidateError for what cannot be followed.
    """
    stream = io.BytesIO(content)
    reader = _Reader(name)
    try:
        for number, (code, argument, _) in enumerate(pickletools.genops(stream)):
            if number >= MOST_OPCODES:
                raise CandidateError(f"'{name}' has more than {MOST_OPCODES} opcodes")
            reader.take(code, argument)
    except (ValueError, IndexError, KeyError, UnicodeError, OverflowError, MemoryError) as error:
        raise CandidateError(
            f"'{name}' cannot be read to its end: it is {_format_of(content)} ({error}); save the"
            " model with pickle.dump, or as LightGBM text"
        ) from error

    if left := len(content) - stream.tell():
        raise CandidateError(f"'{name}' has {left} bytes behind its pickle, which nobody read")

    return reader.imports


def _format_of(content: bytes) -> str:
    """Return what a file is that is no whole pickle."""
    return next((name for begin, name in _OTHER_FORMATS if begin.match(content)), "no whole pickle")


class _Reader:
    """Follows strings on the stack and in the memo; anything else is None there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[t.Any] = []
        self.memo: dict[int, t.Any] = {}
        self.imports: set[str] = set()

    def take(self, code: t.Any, argument: t.Any) -> None:
        """Do what an opcode does to the stack; raises CandidateError, IndexError, KeyError."""
        kind = code.name
        if kind in _REFUSED:
            raise CandidateError(f"'{self.name}' uses {kind}, which a model has no need of")
        if kind in ("GLOBAL", "INST"):
            module, _, attribute = argument.partition(" ")
            self._import(module, attribute)
        elif kind == "STACK_GLOBAL":
            self._import(self.stack[-2], self.stack[-1])

        if kind in _PUT or kind == "MEMOIZE":
            place = len(self.memo) if kind == "MEMOIZE" else int(argument)
            self.memo[place] = self.stack[-1]
        elif kind in _GET:
            self.stack.append(self.memo[int(argument)])
        elif kind == "DUP":
            self.stack.append(self.stack[-1])
        elif kind == "POP":
            self.stack.pop()
        elif kind in _STRINGS:
            text = argument.decode("latin-1") if isinstance(argument, bytes) else argument
            self.stack.append(text)
        else:
            self._pass(code)

    def _pass(self, code: t.Any) -> None:
        """Do what an opcode does to the height of the stack."""
        before, after = code.stack_before, code.stack_after
        if pickletools.markobject in before:
            while self.stack.pop() is not pickletools.markobject:
                pass
            below = before.index(pickletools.markobject)
        else:
            below = len(before)
        for _ in range(below):
            self.stack.pop()
        self.stack += [
            pickletools.markobject if one is pickletools.markobject else None for one in after
        ]

    def _import(self, module: t.Any, attribute: t.Any) -> None:
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise CandidateError(f"'{self.name}' imports something whose name it works out first")
        self.imports.add(f"{module}.{attribute}")


def _second_reading(content: bytes, name: str) -> set[str]:
    """Return what picklescan finds; raises CandidateError where it finds a danger or nothing."""
    logging.getLogger("picklescan").setLevel(logging.CRITICAL)
    result = scanner.scan_pickle_bytes(io.BytesIO(content), name)
    if result.scan_err or result.issues_count:
        raise CandidateError(f"'{name}' is refused by picklescan: {result.issues_count} dangers")

    return {f"{one.module}.{one.name}" for one in result.globals}


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise CandidateError(f"the candidate cannot be read: {error}") from error
    if len(content) > LARGEST:
        raise CandidateError(f"'{path}' is larger than {LARGEST} bytes")
    if not content:
        raise CandidateError(f"'{path}' is empty")

    return content


def _require_text(content: bytes, path: Path) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CandidateError(f"'{path}' begins as LightGBM text and holds other bytes") from error
    if b"\0" in content or LIGHTGBM_END not in content:
        raise CandidateError(f"'{path}' is LightGBM text without its end; it was cut short")
    if b"\ntree_sizes=" in content and not _has_trees(content):
        raise CandidateError(
            f"'{path}' is LightGBM text whose trees are not where its header says; it was edited,"
            " or its line ends were changed: save the model again"
        )


def _has_trees(content: bytes) -> bool:
    """Return whether each tree begins where LightGBM will look for it, and the end follows."""
    header = _LIGHTGBM_SIZES.search(content)
    if not header:
        return False

    place = content.find(b"\nTree=") + 1
    for size in map(int, header[1].split()):
        if not content.startswith(b"Tree=", place):
            return False
        place += size

    return content[place:].lstrip(b"\n").startswith(LIGHTGBM_END)
