# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs can rely on records: within a version no key vanishes and none changes its kind.

``record_keys_<version>.txt`` is what readers were promised, one ``path kind`` a line. New keys may
be added to it; what stands in it may only change together with the version.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from tests.unit.upkeep import run_log as log
from upkeep import PROJECT
from upkeep.run import record
from upkeep.run.types import SCHEMA_VERSION

PROMISED = Path(__file__).with_name(f"record_keys_{SCHEMA_VERSION}.txt")
SCHEMA = json.loads((PROJECT / "upkeep/run/record.schema.json").read_text())


def kind(part: dict[str, t.Any]) -> str:
    """Return the type of a part of the schema as one word."""
    if "const" in part:
        return type(part["const"]).__name__

    alternatives = [kind(resolved(each)) for each in part.get("anyOf", part.get("oneOf", []))]
    named = part.get("type", alternatives or "string")

    return named if isinstance(named, str) else "|".join(sorted(named))


def resolved(part: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a part of the schema, or the definition that it refers to."""
    target = part.get("$ref", "").rpartition("/")[2]
    return SCHEMA["$defs"][target] if target else part


def keys(part: dict[str, t.Any], path: str = "") -> t.Iterator[str]:
    """Yield ``path kind`` for each key at and below a part of the schema.

    ``*`` stands for any name or position.
    """
    part = resolved(part)
    for each in part.get("anyOf", part.get("oneOf", [])):
        yield from keys(each, path)

    for name, inner in part.get("properties", {}).items():
        yield f"{path}{name} {kind(resolved(inner))}"
        yield from keys(inner, f"{path}{name}.")

    for inner in (part.get("items"), part.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from keys(inner, f"{path}*.")


def test_no_promised_key_vanishes_or_changes_its_kind() -> None:
    promised = PROMISED.read_text().splitlines()
    assert len(promised) > 90
    assert sorted(set(promised) - set(keys(SCHEMA))) == []


def test_every_key_is_promised() -> None:
    assert sorted(set(keys(SCHEMA)) - set(PROMISED.read_text().splitlines())) == []


def test_a_whole_record_carries_its_version_and_every_promised_key_of_its_top() -> None:
    folded = record.fold(log.weekly())
    assert folded["schema_version"] == SCHEMA_VERSION
    top = {line.split()[0] for line in PROMISED.read_text().splitlines() if "." not in line}
    assert top == set(folded)
