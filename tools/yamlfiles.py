# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read Ansible's YAML as plain data, whatever tags it carries."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe loading that reads ``!vault`` and ``!unsafe`` values as plain ones."""


def _plain(loader: _Loader, _suffix: str, node: yaml.Node) -> t.Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(t.cast(yaml.MappingNode, node), deep=True)


_Loader.add_multi_constructor("!", _plain)


def read(path: Path) -> t.Any:
    """Return the content of a YAML file (None when empty).

    Raises yaml.YAMLError naming the file and line.
    """
    with path.open(encoding="utf-8") as stream:
        return yaml.load(stream, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
