# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record of an approved model file, as the manifest holds it.

The controller reads records with the same function before it writes or believes one.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Digest -> hexadecimal digits of its value.
DIGITS: t.Final = {"md5": 32, "sha256": 64}
#: The digest that an approved file must have: MD5 finds accidents only.
REQUIRED: t.Final = "sha256"
#: Figures that a metadata file or a record may give. The first three are shares: 0.94, not 94.
METRICS: t.Final = ("accuracy", "f1", "r2", "feature_count")
SHARES: t.Final = ("accuracy", "f1", "r2")
KEYS: t.Final = (*DIGITS, "bytes", "metrics", "trained_at", "approved_by")

_HEX: t.Final = re.compile(r"[0-9a-f]+", re.ASCII)


class DamagedRecordError(ValueError):
    """A record that cannot be used; the message is a clause with the key and the value."""


@dataclass(frozen=True)
class ModelRecord:
    """What was approved: digests by algorithm, size in bytes, figures of the training, approver."""

    digests: Mapping[str, str]
    bytes: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    trained_at: str | None = None
    approved_by: str = ""


def parse_record(raw: t.Any) -> ModelRecord:
    """Return a record of the manifest; raises DamagedRecordError."""
    if not isinstance(raw, Mapping):
        raise DamagedRecordError(f"it is {type(raw).__name__}, not a mapping")
    if unknown := sorted(map(str, set(raw) - set(KEYS))):
        raise DamagedRecordError(f"unknown key {unknown[0]!r}; known are {', '.join(KEYS)}")

    digests = {name: _digest(name, raw[name]) for name in DIGITS if raw.get(name) is not None}
    if REQUIRED not in digests:
        raise DamagedRecordError(f"it holds no {REQUIRED}, and another digest can be forged")

    size = raw.get("bytes")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise DamagedRecordError(f"bytes is {_short(size)}, not a whole number")

    return ModelRecord(
        digests,
        size,
        _metrics(raw.get("metrics") or {}),
        _trained_at(raw.get("trained_at")),
        str(raw.get("approved_by") or ""),
    )


def _digest(algorithm: str, value: t.Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if len(text) != DIGITS[algorithm] or not _HEX.fullmatch(text):
        raise DamagedRecordError(
            f"{algorithm} is {_short(value)}, not {DIGITS[algorithm]} hexadecimal digits in quotes"
        )

    return text


def _metrics(value: t.Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping) or not all(map(is_number, value.values())):
        raise DamagedRecordError(f"metrics is {_short(value)}, not a mapping to numbers")
    if unknown := sorted(map(str, set(value) - set(METRICS))):
        raise DamagedRecordError(f"metrics has the unknown key {unknown[0]!r}")

    return dict(value)


def _trained_at(value: t.Any) -> str | None:
    if value is None:
        return None

    parse_time(value)

    return str(value)


def _short(value: t.Any) -> str:
    return f"{value!r:.80}"


def is_number(value: t.Any) -> bool:
    """Return whether a value is a number that can be compared; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False

    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the greatest float
        return False


def parse_time(value: t.Any) -> dt.datetime:
    """Return an ISO 8601 time, in UTC when it names no zone; raises DamagedRecordError."""
    try:
        parsed = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise DamagedRecordError(
            f"{_short(value)} is not a time such as 2026-01-31T12:00:00Z"
        ) from error

    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
