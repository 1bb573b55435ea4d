# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sets that are kept, as lines that people read on a page and ``upkeep backups`` reads again.

A finding has one value, so what is known of each set stands in its lines, in one fixed form.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence

from ..base.text import limit_text, visible
from ..findings import LONGEST_LINE, MOST_LINES, Finding, Subject
from .catalogue import BackupSet
from .manifest import moment_text

#: Check of the finding whose lines are the sets, and of the size of the newest verified set.
SETS: t.Final = "backup:sets"
SIZE: t.Final = "backup:size"
GOOD, UNVERIFIED, DAMAGED = "good", "unverified", "damaged"

_MOMENT: t.Final = r"never|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_LINE: t.Final = re.compile(
    r"(?P<name>\d{8}T\d{6}Z): (?P<bytes>\d+|unknown) bytes, (?P<state>good|unverified|damaged), "
    rf"verified (?P<verified>{_MOMENT}), rehearsed (?P<rehearsed>{_MOMENT})"
    r"(?:, held: (?P<held>.*))?"
)
_LONGEST_REASON: t.Final = 120


class ListedSet(t.NamedTuple):
    """One set; ``bytes`` is None when its manifest cannot be read.

    ``verified`` and ``rehearsed`` are moments as text, '' for never; ``held`` is '' when it may go.
    """

    name: str
    bytes: int | None
    state: str
    verified: str
    rehearsed: str
    held: str

    @property
    def text(self) -> str:
        """The set on one line."""
        size = "unknown" if self.bytes is None else self.bytes
        held = f", held: {self.held}" if self.held else ""
        line = (
            f"{self.name}: {size} bytes, {self.state}, verified {self.verified or 'never'},"
            f" rehearsed {self.rehearsed or 'never'}{held}"
        )

        return line[:LONGEST_LINE]


def listed(one: BackupSet) -> ListedSet:
    """Return what a list shows of a set."""
    record = one.record
    is_damaged = bool(one.problem or (record and record.problems))
    state = DAMAGED if is_damaged else GOOD if one.is_verified else UNVERIFIED

    return ListedSet(
        name=one.name,
        bytes=one.manifest.bytes if one.manifest else None,
        state=state,
        verified=moment_text(record.verified) if record and record.verified else "",
        rehearsed=moment_text(record.rehearsed) if record and record.rehearsed else "",
        held=limit_text(visible(one.held), _LONGEST_REASON),
    )


def parse(line: str) -> ListedSet | None:
    """Return the set of a line, None for any other line."""
    match = _LINE.fullmatch(line)
    if not match:
        return None

    moments = {name: match[name].removeprefix("never") for name in ("verified", "rehearsed")}

    return ListedSet(
        name=match["name"],
        bytes=None if match["bytes"] == "unknown" else int(match["bytes"]),
        state=match["state"],
        held=match["held"] or "",
        **moments,
    )


def kept_findings(sets: Sequence[BackupSet], ids: Sequence[str]) -> list[Finding]:
    """Return the sets, the oldest first, and the size of the newest verified one."""
    good = [one for one in sets if one.is_verified]
    found = [
        Subject(SETS, tuple(ids)).finding(
            "ok",
            f"{len(sets)} sets are kept, {len(good)} of them verified",
            observed=len(sets),
            lines=[listed(one).text for one in sets[-MOST_LINES:]],
        )
    ]
    if good and (manifest := good[-1].manifest):
        found.append(
            Subject(SIZE, tuple(ids)).finding(
                "ok",
                f"the newest verified set, {manifest.name}, has {manifest.bytes} bytes",
                observed=manifest.bytes,
                unit="bytes",
            )
        )

    return found
