# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shipped profiles as plain data, their references to each other resolved."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from tools import yamlfiles

FOLDER: t.Final = "inventory/group_vars"
_REFERENCE = re.compile(r"\{\{\s*((?:system|upkeep)_\w+)\s*\}\}")

Figures = dict[str, t.Any]


def systems(project: Path) -> list[str]:
    """Return the names of the systems that have a profile: their folder holds health checks."""
    return sorted(path.parent.name for path in project.glob(f"{FOLDER}/*/health.yml"))


def files(project: Path, system: str) -> list[Path]:
    """Return the files of a profile in the order in which Ansible reads them."""
    return sorted((project / FOLDER / system).glob("*.yml"))


def load(project: Path, system: str) -> Figures:
    """Return the figures of a system as its hosts get them when the inventory overrides none."""
    figures: Figures = {}
    for path in files(project, system):
        figures |= yamlfiles.read(path) or {}

    common = project / FOLDER / "all" / "main.yml"
    known = {**(yamlfiles.read(common) or {}), **figures} if common.is_file() else figures

    return {name: _resolved(value, known) for name, value in figures.items()}


def _resolved(value: t.Any, figures: Figures) -> t.Any:
    """Return a value with its known references (``{{ system_x }}``) replaced."""
    if isinstance(value, dict):
        return {key: _resolved(inner, figures) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, figures) for inner in value]

    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole and whole[1] in figures:
            return figures[
                whole[1]
            ]  # Ansible, too, keeps the type of what is nothing but a reference

        return _REFERENCE.sub(lambda match: str(figures.get(match[1], match[0])), value)

    return value
