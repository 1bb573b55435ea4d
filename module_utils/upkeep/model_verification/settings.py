# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known about a model before anybody looks at it: its entry in the profile and its record in the manifest."""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ..base.text import duplicates

#: Digest -> hexadecimal digits of its value.
ALGORITHMS: t.Final = {"md5": 32, "sha256": 64}
#: Figures that a metadata file or a record may give. The first three are shares: 0.94, not 94.
METRICS: t.Final = ("accuracy", "f1", "r2", "feature_count")
SHARES: t.Final = ("accuracy", "f1", "r2")
RECORD_KEYS: t.Final = (*ALGORITHMS, "bytes", "metrics", "trained_at", "approved_by")

#: What a prediction of the reference set may take at most, s.
LONGEST: t.Final = 600

_NAME: t.Final = re.compile(r"[a-z0-9][a-z0-9_.-]*", re.ASCII)
_CLASS: t.Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HEX: t.Final = re.compile(r"[0-9a-f]+", re.ASCII)


class ModelError(ValueError):
    """Input that cannot be worked with; the message names the model and the value."""


class RecordError(ValueError):
    """A record of the manifest that is damaged; the message says where."""


@dataclass(frozen=True)
class Limits:
    """What a model must keep: shares and age at the worst allowed, the number of features exactly."""

    accuracy: float | None = None
    f1: float | None = None
    r2: float | None = None
    max_age_days: float | None = None
    feature_count: int | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """A JSON file that the training wrote, and what our figures are called in it."""

    path: Path
    keys: t.Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class InUse:
    """A log whose newest line that fits ``pattern`` must contain ``expected``."""

    log: Path
    pattern: re.Pattern[str]
    expected: str
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift:
    """A reference set and who predicts it: R2 of the predictions must not fall below ``r2``.

    ``predictor`` is a Python file with a class ``class_name`` that takes the path of a model and
    has ``read`` (CSV text to rows) and ``predict`` (rows to one number each). ``interpreter`` runs
    it as ``user``, ``timeout`` s at most.
    """

    reference: Path
    target: str
    predictor: Path
    class_name: str
    user: str
    r2: float
    interpreter: str = "/usr/bin/python3"
    timeout: int = 120
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """One model file; ``path`` and ``root`` are absolute."""

    name: str
    path: Path
    root: Path
    metadata: Metadata | None = None
    limits: Limits | None = None
    in_use: InUse | None = None
    drift: Drift | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """What was approved: digests by algorithm, size in bytes, figures of the training, its time, who approved."""

    digests: t.Mapping[str, str]
    bytes: int | None = None
    metrics: t.Mapping[str, float] = field(default_factory=dict)
    trained_at: str | None = None
    approved_by: str = ""


def parse_models(raw: t.Sequence[t.Mapping[str, t.Any]]) -> list[Model]:
    """Return the models of checked module arguments; raises ModelError."""
    models = [_model(entry) for entry in raw]
    if again := duplicates(model.name for model in models):
        raise ModelError(
            f"models: {again[0]!r} stands there twice; give each model a name of its own"
        )

    return models


def _model(raw: t.Mapping[str, t.Any]) -> Model:
    name = raw["name"]
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"models: name {name!r} may hold only lower case letters, digits, dot, dash and underscore"
        )

    root = _absolute(name, "root", raw["root"]) if raw.get("root") else None
    path = (
        root / _usable(name, "path", raw["path"]) if root else _absolute(name, "path", raw["path"])
    )

    return Model(
        name=name,
        path=path,
        root=root or path.parent,
        metadata=_metadata(name, raw.get("metadata")),
        limits=_limits(name, raw.get("limits")),
        in_use=_in_use(name, raw.get("in_use")),
        drift=_drift(name, root or path.parent, raw.get("drift")),
        requirements=tuple(raw.get("requirements") or ()),
    )


def _usable(name: str, key: str, value: str) -> Path:
    if not value or not value.isprintable() or (key != "root" and value.endswith("/")):
        raise ModelError(
            f"model {name!r}: {key} {value!r} must name a {'folder' if key == 'root' else 'file'}"
        )
    return Path(value)


def _absolute(name: str, key: str, value: str) -> Path:
    path = _usable(name, key, value)
    if not path.is_absolute():
        raise ModelError(
            f"model {name!r}: {key} {value!r} must begin with /; only a path may be relative, to its root"
        )

    return path


def _metadata(name: str, raw: t.Mapping[str, t.Any] | None) -> Metadata | None:
    if raw is None:
        return None

    keys = raw.get("keys") or {}
    strange = sorted(set(keys) - {*METRICS, "trained_at"})
    if strange or not all(isinstance(value, str) for value in keys.values()):
        raise ModelError(
            f"model {name!r}: metadata.keys {dict(keys)!r} must map {(*METRICS, 'trained_at')} to text"
        )

    return Metadata(
        _usable(name, "metadata.path", raw["path"]), keys, tuple(raw.get("requirements") or ())
    )


def _limits(name: str, raw: t.Mapping[str, t.Any] | None) -> Limits | None:
    if raw is None:
        return None

    values = {key: raw.get(key) for key in (*SHARES, "max_age_days", "feature_count")}
    for key in SHARES:
        value = values[key]
        if value is not None and not 0 <= value <= 1:
            raise ModelError(
                f"model {name!r}: limits.{key} is {value}; give a share between 0 and 1, such as 0.94"
            )

    for key in ("max_age_days", "feature_count"):
        value = values[key]
        if value is not None and not 0 < value < math.inf:
            raise ModelError(f"model {name!r}: limits.{key} is {value}; it must be above 0")

    return Limits(**values, requirements=tuple(raw.get("requirements") or ()))


def _in_use(name: str, raw: t.Mapping[str, t.Any] | None) -> InUse | None:
    if raw is None:
        return None

    log = _absolute(name, "in_use.log", raw["log"])
    try:
        pattern = re.compile(raw["pattern"])
    except re.error as error:
        raise ModelError(
            f"model {name!r}: in_use.pattern {raw['pattern']!r} is no expression: {error}"
        ) from error

    if not raw["expected"]:
        raise ModelError(f"model {name!r}: in_use.expected is empty, so every line would do")

    return InUse(log, pattern, raw["expected"], tuple(raw.get("requirements") or ()))


def _drift(name: str, root: Path, raw: t.Mapping[str, t.Any] | None) -> Drift | None:
    if raw is None:
        return None
    if not _CLASS.fullmatch(raw["class_name"]):
        raise ModelError(
            f"model {name!r}: drift.class_name {raw['class_name']!r} is no name of a class"
        )
    if not 0 <= raw["r2"] <= 1:
        raise ModelError(
            f"model {name!r}: drift.r2 is {raw['r2']}; give a share between 0 and 1, such as 0.94"
        )
    if not 1 <= raw["timeout"] <= LONGEST:
        raise ModelError(
            f"model {name!r}: drift.timeout is {raw['timeout']}; give 1 to {LONGEST} s"
        )

    for key in ("target", "user"):
        if not raw[key] or not raw[key].isprintable():
            raise ModelError(f"model {name!r}: drift.{key} is {raw[key]!r}; it must not be empty")

    return Drift(
        reference=root / _usable(name, "drift.reference", raw["reference"]),
        predictor=root / _usable(name, "drift.predictor", raw["predictor"]),
        interpreter=str(_absolute(name, "drift.interpreter", raw["interpreter"])),
        requirements=tuple(raw.get("requirements") or ()),
        **{key: raw[key] for key in ("target", "class_name", "user", "r2", "timeout")},
    )


def parse_record(raw: t.Any) -> Record:
    """Return a record of the manifest; raises RecordError."""
    if not isinstance(raw, dict):
        raise RecordError(f"it is {type(raw).__name__}, not a mapping")

    strange = sorted(map(str, set(raw) - set(RECORD_KEYS)))
    if strange:
        raise RecordError(f"unknown key {strange[0]!r}; known are {', '.join(RECORD_KEYS)}")

    digests = {name: _digest(name, raw[name]) for name in ALGORITHMS if raw.get(name) is not None}
    if not digests:
        raise RecordError(f"it holds none of {', '.join(ALGORITHMS)}")

    size = raw.get("bytes")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise RecordError(f"bytes is {size!r}, not a whole number")

    metrics = raw.get("metrics") or {}
    if not isinstance(metrics, dict) or not all(is_number(value) for value in metrics.values()):
        raise RecordError(f"metrics is {metrics!r}, not a mapping to numbers")

    trained_at = raw.get("trained_at")
    if trained_at is not None:
        parse_time(trained_at)

    return Record(digests, size, metrics, trained_at, str(raw.get("approved_by") or ""))


def _digest(algorithm: str, value: t.Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if len(text) != ALGORITHMS[algorithm] or not _HEX.fullmatch(text):
        raise RecordError(
            f"{algorithm} is {value!r}, not {ALGORITHMS[algorithm]} hexadecimal digits in quotes"
        )

    return text


def is_number(value: t.Any) -> bool:
    """Tell whether a value is a finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def parse_time(value: t.Any) -> dt.datetime:
    """Return an ISO 8601 time, in UTC when it names no zone; raises RecordError."""
    try:
        parsed = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{value!r} is not a time such as 2026-01-31T12:00:00Z") from error

    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
