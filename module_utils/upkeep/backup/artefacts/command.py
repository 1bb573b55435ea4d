# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a program writes, as an application's own export does."""

from __future__ import annotations

import typing as t

from .. import programs
from ..manifest import Artefact, Stage
from ..settings import CommandSettings
from .kind import ArtefactError, ArtefactFolder, MadeArtefact, OpenFile, Workplace

OUTPUT: t.Final = "output.zst"


class CommandKind:
    """Output of programs."""

    def make(
        self, source: CommandSettings, folder: ArtefactFolder, place: Workplace
    ) -> MadeArtefact:
        """Run the program and keep what it writes to its standard output."""
        with folder.create(OUTPUT) as out:
            stages = programs.run(
                [programs.Program(source.argv, source.run_as), programs.compressing()],
                out.fileno(),
                place.deadline,
            )
            raw = size_of(out, place)

        if raw < source.least_bytes:
            raise ArtefactError(
                f"the program wrote {raw} bytes; at least {source.least_bytes} are expected"
            )

        return MadeArtefact({"argv": list(source.argv), "raw_bytes": raw}, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Read the output to its end and compare its size."""
        with open_file(artefact.files[0]) as stream:
            raw = size_of(stream, place)
        expected = artefact.facts.get("raw_bytes")

        return [] if raw == expected else [f"its output has {raw} bytes instead of {expected}"]


KIND: t.Final = CommandKind()


def size_of(stream: t.BinaryIO, place: Workplace) -> int:
    """Return the size of what was compressed, read from the start; raises ProgramError."""
    stream.seek(0)
    stages: list[Stage] = []
    chunks = programs.reading([programs.expanding()], stream.fileno(), place.deadline, stages)

    return sum(map(len, chunks))
