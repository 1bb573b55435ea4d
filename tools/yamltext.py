# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write plain data as YAML that people read: indented lists, double quotes, folded long text."""

from __future__ import annotations

import textwrap
import typing as t

import yaml

#: PyYAML breaks a line behind the word that passes this, so that lines stay below 100.
WIDTH: t.Final = 72
#: A list of this many characters still stands on one line.
_FLOW: t.Final = 60


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """YAML as yamllint and ansible-lint want it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the entries of a list, which PyYAML does not by itself."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: t.Any) -> bool:
        """Write equal parts in full."""
        return True

    def choose_scalar_style(self) -> str:
        """Quote with double quotes where PyYAML would take single ones."""
        style: str = super().choose_scalar_style()

        return '"' if style == "'" else style


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = (
        ">" if len(text) > _FLOW and (": " in text or " #" in text or text[0] in "{[`'\"") else None
    )

    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: _Dumper, items: list[t.Any]) -> yaml.Node:
    short = all(not isinstance(item, list | dict) for item in items) and len(str(items)) <= _FLOW

    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def dump(data: t.Any, indent: int = 0) -> str:
    """Return data as YAML text; every line begins with ``indent`` spaces."""
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH - indent,
        default_flow_style=False,
    )

    return textwrap.indent(text, " " * indent)
