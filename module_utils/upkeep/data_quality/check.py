# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a check and a kind of check are: the terms that the kinds and the engine share."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..base.options import OptionError, Options, option, requirements
from ..base.text import limit_text, visible
from ..findings import Finding, Limits, Side, Subject
from .options import CHECK, SOURCES

#: Characters of a label that comes from data, such as a key.
LONGEST_LABEL: t.Final = 80


class DataError(OptionError):
    """Input that does not fit; one line for each problem, with check, key and what to change."""


@dataclass(frozen=True)
class Kind:
    """One kind of check.

    ``aspects`` maps each aspect to the side on which its figure is bad, or to None where no limit
    makes sense. ``probe`` gets what the check reads: a Source for databases and SQLite files, the
    path for a folder. ``validate`` yields a sentence for each problem between several options.
    """

    prefix: str
    description: str
    options: Options
    aspects: Mapping[str, Side | None]
    probe: Callable[[DataCheck, t.Any], Iterator[Finding]]
    describe: Callable[[Mapping[str, t.Any]], str]
    validate: Callable[[DataCheck], Iterator[str]] = lambda _check: iter(())
    #: Whether a check may stand in a profile before anybody knows where its data are.
    may_lack_source: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The options that name where its data are."""
        return tuple(name for name in SOURCES if name in self.options)

    @property
    def all_options(self) -> Options:
        """The options of an entry of this kind, the common ones included."""
        aspects = {name: _aspect(name, side) for name, side in self.aspects.items()}
        described = t.cast(str, CHECK["aspects"]["description"])

        return {**CHECK, **self.options, "aspects": option("dict", described, options=aspects)}


@dataclass(frozen=True)
class DataCheck:
    """One entry of the profile, with every option of its kind (None where nothing was given).

    ``source`` is ``database``, ``sqlite``, ``folder`` or '', ``place`` its name or path.
    """

    name: str
    kind: Kind
    source: str
    place: str
    timeout: float
    cadences: tuple[str, ...] | None
    requirements: tuple[str, ...]
    options: Mapping[str, t.Any] = field(repr=False)
    aspects: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name that its findings begin with."""
        return f"{self.kind.prefix}:{self.name}"

    def subject(self, aspect: str = "", of: str = "") -> Subject:
        """Return the subject of a finding; ``of`` is one of several things that were checked."""
        asked = self.aspects.get(aspect, {}).get("requirements") or self.requirements
        label = limit_text(visible(of), LONGEST_LABEL)

        return Subject(f"{self.id}[{label}]" if of else self.id, tuple(asked))

    def limits(self, aspect: str, side: Side | None = None) -> Limits:
        """Return the limits of an aspect; ``side`` is for a kind whose side is an option."""
        return Limits.of(self.aspects.get(aspect, {}), side or self.kind.aspects[aspect] or "above")

    def finding(
        self, status: str, message: str, *, aspect: str = "", of: str = "", **details: t.Any
    ) -> Finding:
        """Return a finding on an aspect, or on the check as a whole."""
        return self.subject(aspect, of).finding(status, message, aspect=aspect, **details)

    def measured(
        self,
        aspect: str,
        value: float,
        message: str,
        advice: str,
        *,
        of: str = "",
        unit: str = "",
    ) -> Finding:
        """Return the finding for a figure and the limits of its aspect."""
        limits = self.limits(aspect)

        return self.subject(aspect, of).measured(
            rounded(value),
            limits,
            message,
            advice,
            aspect=aspect,
            unit=unit,
            status=limits.judge(value),
        )


def rounded(value: float) -> int | float:
    """Return a figure as people write it: whole where it is whole, else with three places."""
    return int(value) if float(value).is_integer() else round(float(value), 3)


def _aspect(name: str, side: Side | None) -> dict[str, t.Any]:
    limits = {
        level: option("float", f"Figure from which it is C({level}).")
        for level in ("warning", "critical")
        if side is not None
    }

    return option(
        "dict", f"Limits of C({name}).", options={**limits, "requirements": requirements()}
    )
