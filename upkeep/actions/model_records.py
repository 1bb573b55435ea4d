# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take new records of models from hosts into a manifest.

What a host answers is hostile input: it may be the host that the manifest is there to verify.
"""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ansible.module_utils.upkeep.base.text import list_some, visible
from ansible.module_utils.upkeep.model_verification.records import (
    DamagedRecordError,
    ModelRecord,
    parse_record,
)

from upkeep.actions.approved_files import RecordsError


@dataclass(frozen=True)
class RecordRequest:
    """What the controller asked for: models by host, which of them anew, and who approved."""

    models: Mapping[str, Collection[str]]
    replace: frozenset[str]
    approved_by: str


def merge(
    records: Mapping[str, t.Any], answers: Mapping[str, t.Any], request: RecordRequest
) -> dict[str, t.Any]:
    """Return the records with those that hosts answered; raises RecordsError.

    A host may give a record of a model that it was asked about, when that has none or is to be
    replaced. All hosts must agree.
    """
    found: dict[str, ModelRecord] = {}
    for host, answer in sorted(answers.items()):
        for name, record in _checked(host, answer, records, request):
            if found.setdefault(name, record) != record:
                raise RecordsError(
                    f"hosts of the system have different files for the model '{name}': bring them"
                    " in line, or record with --limit"
                )

    return {**records, **{name: entry(record) for name, record in sorted(found.items())}}


def entry(record: ModelRecord) -> dict[str, t.Any]:
    """Return a record as the manifest holds it: only what was checked, and nothing else."""
    made: dict[str, t.Any] = {**record.digests}
    if record.bytes is not None:
        made["bytes"] = record.bytes

    made["approved_by"] = record.approved_by
    if record.metrics:
        made["metrics"] = dict(record.metrics)
    if record.trained_at:
        made["trained_at"] = record.trained_at

    return made


def _checked(
    host: str, answer: t.Any, records: Mapping[str, t.Any], request: RecordRequest
) -> Iterator[tuple[str, ModelRecord]]:
    """Yield the records of one host's answer; raises RecordsError for one it was not asked for."""
    if not isinstance(answer, Mapping):
        raise RecordsError(f"host '{host}' did not answer with records")

    asked = set(request.models.get(host, ()))
    if strange := sorted(str(name) for name in answer if name not in asked):
        names = visible(list_some([name[:80] for name in strange], 3))
        raise RecordsError(
            f"host '{host}' answered with records that it was not asked for ({names}): nothing is"
            " written. Find out why; that host must not be trusted"
        )

    for name, raw in answer.items():
        if name in records and name not in request.replace:
            raise RecordsError(
                f"host '{host}' answered with a record of '{name}', which has one and is not to be"
                " replaced: nothing is written. Find out why; that host must not be trusted"
            )
        yield name, _parsed(host, name, raw, request.approved_by)


def _parsed(host: str, name: str, raw: t.Any, approved_by: str) -> ModelRecord:
    try:
        record = parse_record(raw)
    except DamagedRecordError as error:
        reason = visible(str(error))
        message = f"the record of '{name}' that host '{host}' answered is damaged: {reason}"
        raise RecordsError(message) from error

    if record.approved_by != approved_by:
        raise RecordsError(
            f"host '{host}' answered with a record of '{name}' that somebody else approved"
        )

    return record
