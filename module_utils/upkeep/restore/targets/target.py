# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every target of a restore has: a place beside the live one, and the change from one to it.

The calls come in this order: ``plan``, ``prepare``, then ``replace`` and at the end ``finish``; or
``discard``, and ``put_back`` when a later target of the same restore could not be replaced.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...backup.artefacts.kind import OpenFile
from ...backup.manifest import Artefact
from ...base.deadline import Deadline
from ..settings import RestoreSettings


@dataclass(frozen=True)
class TargetPlan:
    """What a restore would do: ``needs`` are bytes for each folder in which they are needed."""

    replaces: tuple[str, ...]
    needs: Mapping[str, int]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class TargetWork:
    """What a target is made from; ``stamp`` is in the names of what stands beside live things.

    ``seconds`` gets how long each phase took.
    """

    artefact: Artefact
    open_file: OpenFile
    settings: RestoreSettings
    stamp: str
    deadline: Deadline
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def side_folder(self) -> str:
        """The name of the folder beside a live file that holds what is restored."""
        return f".upkeep-restoring-{self.artefact.name}-{self.stamp}"

    @property
    def kept_suffix(self) -> str:
        """What the names of replaced things end with."""
        return f".before-{self.stamp}"


class Target(t.Protocol):
    """How an artefact of one kind is restored."""

    def plan(self) -> TargetPlan:
        """Return what would be done; raises RestoreError when that cannot be."""

    def prepare(self) -> str:
        """Restore beside the live thing, compare it with the manifest, and return what was found.

        Raises RestoreError.
        """

    def side_names(self) -> list[str]:
        """Return what ``prepare`` made, for a person who wants to look at it."""

    def replace(self) -> list[str]:
        """Put the side target in the live place, and return the names of what is kept.

        Raises RestoreError; then all is as before.
        """

    def put_back(self) -> None:
        """Undo ``replace``."""

    def discard(self) -> None:
        """Remove what ``prepare`` made."""

    def finish(self) -> str:
        """Do what remains after the services are back, and return a note about it."""
