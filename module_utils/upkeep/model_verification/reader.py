# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read what belongs to the models, each in a bounded process of its own, some side by side.

File, metadata and log are foreign bytes: one that hangs, bursts or breaks its reader costs its own
model only, and what was read of that before is kept.
"""

from __future__ import annotations

import select
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..base import isolated
from ..base.deadline import Deadline
from .findings import FoundRecord
from .in_use import newest_line
from .metadata import TrainingFigures, read_metadata
from .reading import FileReading, ReadingError, quoted, read
from .records import ModelRecord
from .settings import ModelSettings, VerificationSettings

#: A part of a model (``file``, ``metadata`` or ``in_use``), and its answer as JSON.
Part = tuple[str, Mapping[str, t.Any]]


@dataclass(frozen=True)
class ModelReading:
    """What was read of one model; None for a part that the profile does not name."""

    model: ModelSettings
    file: FileReading | ReadingError
    figures: TrainingFigures | ReadingError | None
    line: str | ReadingError | None


@dataclass
class _ModelReader:
    """A process that reads one model."""

    child: isolated.Child
    deadline: Deadline
    parts: list[Part] = field(default_factory=list)


def read_models(
    settings: VerificationSettings, records: Mapping[str, FoundRecord], deadline: Deadline
) -> list[ModelReading]:
    """Return what was read of each model, in order, until the deadline."""
    waiting = list(enumerate(settings.models))[::-1]
    running: dict[int, _ModelReader] = {}
    found: dict[int, ModelReading] = {}

    while waiting or running:
        while waiting and len(running) < settings.workers:
            number, model = waiting.pop()
            running[number] = _start(model, settings, records[model.name], deadline)

        _wait(running.values())
        for number, reader in list(running.items()):
            problem = _take(reader)
            if problem is not None:
                found[number] = _reading(settings.models[number], reader.parts, problem)
                del running[number]

    return [found[number] for number in sorted(found)]


def _start(
    model: ModelSettings, settings: VerificationSettings, record: FoundRecord, deadline: Deadline
) -> _ModelReader:
    replaced = model.name in settings.replace
    size = record.bytes if isinstance(record, ModelRecord) and not replaced else None
    child = isolated.start(lambda: _parts(model, settings, size), limits=isolated.PARSING)

    return _ModelReader(child, Deadline(min(settings.timeout, deadline.left)))


def _wait(readers: t.Iterable[_ModelReader]) -> None:
    """Wait until one of the readers has something to give, or its time is up."""
    poller = select.poll()
    left = float("inf")
    for reader in readers:
        poller.register(reader.child.pipe, select.POLLIN)
        left = min(left, reader.deadline.left)

    poller.poll(left * 1000 + 1)


def _take(reader: _ModelReader) -> str | None:
    """Take what a reader has; return why it ended ('' for by itself), None while it works."""
    if reader.deadline.is_over():
        reader.child.end()
        return f"it took longer than {reader.deadline.seconds:g} s"

    poller = select.poll()
    poller.register(reader.child.pipe, select.POLLIN)
    if not poller.poll(0):
        return None

    values = reader.child.take()
    if values is not None:
        reader.parts += [(name, answer) for name, answer in values]
        return None

    code = reader.child.end(isolated.GRACE)

    return reader.child.problem or (f"its process ended with {code}" if code else "")


def _parts(
    model: ModelSettings, settings: VerificationSettings, size: int | None
) -> Iterator[Part]:
    """Yield what there is to read of a model; runs in the process of its own.

    ``size`` is that of the approved file, None where nothing is compared.
    """
    yield "file", _answer(lambda: vars(read(model.path, model.root, settings.algorithms, size)))

    if metadata := model.metadata:
        yield "metadata", _answer(lambda: vars(read_metadata(model, metadata)))

    if in_use := model.in_use:
        yield "in_use", _answer(lambda: {"line": newest_line(in_use.log, in_use.pattern)})


def _answer(work: t.Callable[[], Mapping[str, t.Any]]) -> Mapping[str, t.Any]:
    """Return what the work returns, or how it failed; one part must not hide the next one."""
    try:
        return work()
    except ReadingError as error:
        return {"status": error.status, "message": str(error)}
    except (OSError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return {"status": "unknown", "message": f"It cannot be read: {type(error).__name__}."}


def _reading(model: ModelSettings, parts: Sequence[Part], problem: str) -> ModelReading:
    answers = dict(parts)
    missing = {
        "status": "unknown",
        "message": f"{quoted(model.path)} and what belongs to it could not be read in full:"
        f" {problem or 'the process ended early'}.",
    }

    def part(name: str, build: t.Callable[[Mapping[str, t.Any]], t.Any]) -> t.Any:
        answer = answers.get(name, missing)
        if "message" in answer:
            return ReadingError(answer["status"], answer["message"])
        return build(answer)

    return ModelReading(
        model,
        part("file", _file),
        part("metadata", _figures) if model.metadata else None,
        part("in_use", lambda answer: answer["line"]) if model.in_use else None,
    )


def _file(answer: Mapping[str, t.Any]) -> FileReading:
    return FileReading(**{**answer, "unavailable": tuple(answer["unavailable"])})


def _figures(answer: Mapping[str, t.Any]) -> TrainingFigures:
    return TrainingFigures(**{**answer, "faults": tuple(answer["faults"])})
