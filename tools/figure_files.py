# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the files of the guides' figures anew after a profile was changed on purpose.

``python -m tools.figure_files`` takes entries, places and jobs from the profiles and keeps what
only people know: ``guide``, ``lines``, ``severity``, ``duration``, ``deviation``. What it changed
has to be read against the guide before it is committed. A requirement that is new gets the guide
``to be filled in``, which a test refuses.
"""

from __future__ import annotations

import sys
import textwrap
import typing as t
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools import PROJECT, guide_figures, profiles

WIDTH: t.Final = 100
#: What people write, in its order.
KEPT: t.Final = ("guide", "lines", "severity", "duration", "deviation")
UNKNOWN: t.Final = "to be filled in"
HEAD: t.Final = """\
---
# Figures of the maintenance guide of {system}: for each requirement its facts, and which
# entries of the shipped profile carry them, with every value. A change here is a change of what
# was promised: it needs the guide, or a `deviation` with its reason, which docs/deviations.md
# lists."""


def render(project: Path, system: str) -> str:
    """Return the file of a system, with the entries that its profile has now."""
    profile = profiles.load(project, system)
    old = guide_figures.expected(project, system)["requirements"]
    found: dict[str, list[guide_figures.Values]] = {}
    for entry in guide_figures.entries(profile):
        for requirement in entry.requirements:
            found.setdefault(requirement, []).append(guide_figures.as_data(entry))

    lines = [HEAD.format(system=system), "", "requirements:"]
    for requirement in sorted(found, key=_number):
        row = {"guide": UNKNOWN, **old.get(requirement, {})}
        lines.append(f"  {requirement}:")
        for key in KEPT:
            lines += _pair(key, row[key], 4) if key in row else []

        lines.append("    entries:")
        for values in found[requirement]:
            lines += _item(values, 6)

        lines.append("")

    lines += ["# What stands around those entries: the source that several of them share."]
    lines += _block("sources", dict(sorted(guide_figures.sources(profile).items())))
    lines += ["", "# Which jobs the system has in which cadence, in their order."]
    lines += _block("jobs", profile["system_jobs"])

    return "\n".join(lines) + "\n"


def _number(requirement: str) -> int:
    return int(requirement.rpartition("-")[2])


def _block(key: str, content: guide_figures.Values) -> Iterator[str]:
    if not content:
        yield f"{key}: {{}}"
        return

    yield f"{key}:"
    for name, value in content.items():
        yield from _pair(name, value, 2)


def _item(values: guide_figures.Values, indent: int) -> list[str]:
    lines = [line for key, value in values.items() for line in _pair(key, value, indent + 2)]

    return [" " * indent + f"- {lines[0].lstrip()}", *lines[1:]]


def _pair(key: str, value: t.Any, indent: int) -> Iterator[str]:
    """Yield a key with its value on one line where that is short enough."""
    begin = " " * indent + f"{key}:"
    line = f"{begin} {_flow(value)}"
    if len(line) <= WIDTH:
        yield line
    elif isinstance(value, dict):
        yield begin
        for name, inner in value.items():
            yield from _pair(name, inner, indent + 2)
    elif isinstance(value, list):
        yield begin
        for inner in value:
            short = " " * (indent + 2) + f"- {_flow(inner)}"
            if isinstance(inner, dict) and len(short) > WIDTH:
                yield from _item(inner, indent + 2)
            else:
                yield short
    else:
        margin = " " * (indent + 2)
        yield f"{begin} >-"
        yield from textwrap.wrap(
            str(value),
            WIDTH,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _flow(value: t.Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True
    )

    return t.cast(str, text).replace("\n...\n", "").strip()


def main() -> int:
    """Write the files of all systems; returns the exit code."""
    for system in guide_figures.systems(PROJECT):
        path = PROJECT / guide_figures.FOLDER / f"{system}.yml"
        text = render(PROJECT, system)
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(PROJECT)} written; hold what changed against the guide")

    return 0


if __name__ == "__main__":
    sys.exit(main())
