# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventories with more hosts than a fleet has: several names for one machine."""

from __future__ import annotations

import typing as t
from pathlib import Path

from . import containers, inventory
from .fleet import PROJECT, Fleet, Host

GROUP_VARS: t.Final = PROJECT / "inventory" / "group_vars"


def profiles(*without: str) -> dict[str, Path]:
    """Return name -> folder of all group variables of the project."""
    return {path.name: path for path in sorted(GROUP_VARS.iterdir()) if path.name not in without}


def write(
    folder: Path, real: Fleet, aliases: t.Sequence[tuple[Host, str]], profiles: t.Mapping[str, Path]
) -> Path:
    """Write an inventory of aliases (host, name of the real one) and return its path.

    Raises DemoError when one of the real hosts does not run.
    """
    ports = {alias.name: containers.published(real, name) for alias, name in aliases}
    many = real._replace(hosts=tuple(alias for alias, _ in aliases))
    place = folder / "inventory" / "hosts.yml"
    (place.parent / "group_vars").mkdir(parents=True)
    for name, source in profiles.items():
        (place.parent / "group_vars" / name).symlink_to(source)

    # The inventory names keys relative to itself, as that of the fleet does.
    if real.fixed_ports:
        (folder / ".demo").symlink_to(real.folder.parent)
    else:
        for path in real.folder.iterdir():
            if path.name != "inventory":
                (folder / path.name).symlink_to(path)

    place.write_text(inventory.render(many, ports), encoding="utf-8")

    return place
