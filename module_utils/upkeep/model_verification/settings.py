# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of model_verify as typed settings, checked for what goes together."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import options as base_options
from ..base.options import OptionError, entry_place, nearest
from ..base.text import duplicates
from ..findings import Subject
from .options import OPTIONS
from .records import METRICS, REQUIRED

_KEYS: t.Final = (*METRICS, "trained_at")


class ModelOptionError(OptionError):
    """Options that cannot be used; a line for each problem, with the model and the value."""


@dataclass(frozen=True)
class ModelLimits:
    """What a model must keep: shares and age at the worst allowed, the number of features exactly.

    None where there is no limit.
    """

    accuracy: float | None
    f1: float | None
    r2: float | None
    max_age_days: float | None
    feature_count: int | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class MetadataFile:
    """A JSON file that the training wrote, and the names of our figures in it."""

    path: Path
    keys: Mapping[str, str]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class InUseCheck:
    """A log whose newest line that fits ``pattern`` must contain ``expected``."""

    log: Path
    pattern: re.Pattern[str]
    expected: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class DriftCheck:
    """A reference set and its predictor: R2 of the predictions must not fall below ``r2``.

    ``predictor`` is a Python file with a class ``class_name`` that takes the path of a model and
    has ``read`` (CSV text to rows) and ``predict`` (rows to one number each). ``interpreter`` runs
    it as ``user``, for at most ``timeout`` s.
    """

    reference: Path
    target: str
    predictor: Path
    class_name: str
    user: str
    r2: float
    interpreter: str
    timeout: int
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class ModelSettings:
    """One model file and what is checked of it; ``path`` and ``root`` are absolute."""

    name: str
    path: Path
    root: Path
    metadata: MetadataFile | None
    limits: ModelLimits | None
    in_use: InUseCheck | None
    drift: DriftCheck | None
    requirements: tuple[str, ...]

    def subject(self, own: Sequence[str] = ()) -> Subject:
        """Return what findings are about; an aspect may have requirements of its own."""
        return Subject(f"model:{self.name}", tuple(own) or self.requirements)


@dataclass(frozen=True)
class ModelFolder:
    """A folder and the patterns of names in it that stand for models."""

    path: Path
    patterns: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class VerificationSettings:
    """What one call of model_verify is to do."""

    models: tuple[ModelSettings, ...]
    folders: tuple[ModelFolder, ...]
    manifest: Mapping[str, t.Any]
    manifest_problem: str
    algorithms: tuple[str, ...]
    recording: bool
    replace: frozenset[str]
    approved_by: str
    workers: int
    timeout: int
    max_seconds: int


def parse(values: Mapping[str, t.Any], place: str = "") -> VerificationSettings:
    """Return the settings; raises ModelOptionError with a line for each problem.

    ``place`` is where the values stand, for messages.
    """
    try:
        filled = base_options.parse(OPTIONS, values, place)
    except OptionError as error:
        raise ModelOptionError(str(error)) from error

    if found := list(_problems(filled, f"{place}." if place else "")):
        raise ModelOptionError("\n".join(found))

    return VerificationSettings(
        models=tuple(_model(entry) for entry in filled["models"]),
        folders=tuple(
            ModelFolder(Path(entry["path"]), tuple(entry["patterns"]), tuple(entry["requirements"]))
            for entry in filled["folders"]
        ),
        manifest=filled["manifest"],
        manifest_problem=filled["manifest_problem"],
        algorithms=tuple(filled["algorithms"]),
        recording=filled["state"] == "recorded",
        replace=frozenset(filled["replace"]),
        approved_by=filled["approved_by"].strip(),
        workers=filled["workers"],
        timeout=filled["timeout"],
        max_seconds=filled["max_seconds"],
    )


def _model(raw: Mapping[str, t.Any]) -> ModelSettings:
    path = Path(raw["path"])
    root = Path(raw["root"]) if raw["root"] else path.parent

    return ModelSettings(
        name=raw["name"],
        path=root / path,
        root=root,
        metadata=_metadata(raw["metadata"]),
        limits=_limits(raw["limits"]),
        in_use=_in_use(raw["in_use"]),
        drift=_drift(raw["drift"], root),
        requirements=tuple(raw["requirements"]),
    )


def _metadata(raw: Mapping[str, t.Any] | None) -> MetadataFile | None:
    if raw is None:
        return None

    return MetadataFile(Path(raw["path"]), raw["keys"], tuple(raw["requirements"]))


def _limits(raw: Mapping[str, t.Any] | None) -> ModelLimits | None:
    if raw is None:
        return None

    return ModelLimits(**{**raw, "requirements": tuple(raw["requirements"])})


def _in_use(raw: Mapping[str, t.Any] | None) -> InUseCheck | None:
    if raw is None:
        return None

    return InUseCheck(
        Path(raw["log"]),
        re.compile(raw["pattern"]),
        raw["expected"],
        tuple(raw["requirements"]),
    )


def _drift(raw: Mapping[str, t.Any] | None, root: Path) -> DriftCheck | None:
    if raw is None:
        return None

    paths = {key: root / raw[key] for key in ("reference", "predictor")}

    return DriftCheck(**{**raw, **paths, "requirements": tuple(raw["requirements"])})


def _problems(filled: Mapping[str, t.Any], prefix: str) -> Iterator[str]:
    """Yield what does not fit together."""
    models = filled["models"]
    for name in duplicates(model["name"] for model in models):
        yield f"{prefix}models: duplicate name '{name}'; give every model a name of its own"

    for position, model in enumerate(models):
        yield from _model_problems(model, entry_place(f"{prefix}models", model, position))

    for position, folder in enumerate(filled["folders"]):
        yield from _path_problems(folder["path"], f"{prefix}folders[{position}].path")

    yield from _recording_problems(filled, prefix)


def _recording_problems(filled: Mapping[str, t.Any], prefix: str) -> Iterator[str]:
    names = {model["name"] for model in filled["models"]}
    for name in sorted(set(filled["replace"]) - names):
        yield f"{prefix}replace: {name!r} is not the name of a model; {nearest(name, names)}"

    if REQUIRED not in filled["algorithms"]:
        yield f"{prefix}algorithms must hold {REQUIRED}: any other digest can be forged"

    if filled["state"] != "recorded":
        if filled["replace"]:
            yield f"{prefix}replace needs state 'recorded'"
        return

    if not filled["approved_by"].strip():
        yield f"{prefix}approved_by is empty; name who approved the files that are recorded"
    if filled["manifest_problem"]:
        yield f"{prefix}state: nothing is recorded: {filled['manifest_problem']}"


def _model_problems(model: Mapping[str, t.Any], place: str) -> Iterator[str]:
    root = model["root"]
    if root is not None:
        yield from _path_problems(root, f"{place}.root", absolute=True)

    yield from _file_problems(model["path"], f"{place}.path", absolute=root is None)

    if metadata := model["metadata"]:
        yield from _file_problems(metadata["path"], f"{place}.metadata.path")
        yield from _key_problems(metadata["keys"], f"{place}.metadata.keys")

    if in_use := model["in_use"]:
        yield from _file_problems(in_use["log"], f"{place}.in_use.log", absolute=True)
        yield from _pattern_problems(in_use["pattern"], f"{place}.in_use.pattern")

    if drift := model["drift"]:
        for key in ("reference", "predictor"):
            yield from _file_problems(drift[key], f"{place}.drift.{key}")

        yield from _file_problems(drift["interpreter"], f"{place}.drift.interpreter", absolute=True)
        for key in ("target", "user"):
            if not drift[key] or not drift[key].isprintable():
                yield f"{place}.drift.{key} is {drift[key]!r}; it must be a name"


def _file_problems(path: str, place: str, absolute: bool = False) -> Iterator[str]:
    if path.endswith("/"):
        yield f"{place} is {path!r}; it must name a file"

    yield from _path_problems(path, place, absolute)


def _path_problems(path: str, place: str, absolute: bool = False) -> Iterator[str]:
    if not path or not path.isprintable():
        yield f"{place} is {path!r}; it must name a file or folder"
    elif absolute and not path.startswith("/"):
        yield f"{place} is {path!r}; it must begin with /, unless it is relative to a root"


def _key_problems(keys: Mapping[str, t.Any], place: str) -> Iterator[str]:
    for name, value in keys.items():
        if name not in _KEYS:
            yield f"{place}: '{name}' is not a known name; {nearest(str(name), _KEYS)}"
        elif not isinstance(value, str):
            yield f"{place}.{name} is {value!r}; it must be text"


def _pattern_problems(pattern: str, place: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"{place} is {pattern!r}; it is not a regular expression: {error}"
