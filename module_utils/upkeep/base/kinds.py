# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of checks that a package has, each in a file of its own that is read when needed.

Python compiles every file anew in each run on a host, which for all kinds takes longer than most
checks. So a kind's file is imported when somebody asks for that kind.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterator, Mapping

K = t.TypeVar("K")


class Kinds(Mapping[str, K]):
    """The kinds by name: the object ``KIND`` of each module in a package."""

    def __init__(self, package: str, names: tuple[str, ...]) -> None:
        self._package = package
        self._names = names

    def __getitem__(self, name: str) -> K:
        if name not in self._names:
            raise KeyError(name)

        return t.cast(K, importlib.import_module(f".{name}", self._package).KIND)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
