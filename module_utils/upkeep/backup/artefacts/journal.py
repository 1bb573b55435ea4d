# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of the journal in its export format, which ``systemd-journal-remote`` reads again."""

from __future__ import annotations

import typing as t

from .. import programs
from ..manifest import Artefact
from ..settings import JournalSettings
from .command import size_of
from .kind import ArtefactFolder, MadeArtefact, OpenFile, Workplace

EXPORT: t.Final = "journal.export.zst"


class JournalKind:
    """Exports of the journal."""

    def make(
        self, source: JournalSettings, folder: ArtefactFolder, place: Workplace
    ) -> MadeArtefact:
        """Export the entries of the units; there may be none."""
        argv = ("journalctl", "--quiet", "--no-pager", "--output=export")
        chosen = tuple(f"--unit={unit}" for unit in source.units)
        since = f"--since=-{source.days} days"

        with folder.create(EXPORT) as out:
            stages = programs.run(
                [programs.Program((*argv, since, *chosen)), programs.compressing()],
                out.fileno(),
                place.deadline,
            )
            raw = size_of(out, place)

        facts = {"units": list(source.units), "days": source.days, "raw_bytes": raw}

        return MadeArtefact(facts, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Read the export to its end and compare its size."""
        with open_file(artefact.files[0]) as stream:
            raw = size_of(stream, place)
        expected = artefact.facts.get("raw_bytes")

        return [] if raw == expected else [f"its export has {raw} bytes instead of {expected}"]


KIND: t.Final = JournalKind()
