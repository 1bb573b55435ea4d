# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of records that people approve (model manifests, baselines), read on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

LARGEST: t.Final = 16 << 20  # bytes


class RecordsError(Exception):
    """Records that must not be used; the message gives the reason and what to do."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a duplicate key: after a careless merge the last of two records would count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[t.Any, t.Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if duplicate := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate key {duplicate[0]!r}", node.start_mark
            )

        mapping: dict[t.Any, t.Any] = super().construct_mapping(node, deep)

        return mapping


def content(path: Path, kind: str) -> bytes | None:
    """Return the very bytes of a file of this kind, None for a file that does not exist yet.

    Raises RecordsError.
    """
    try:
        with path.open("rb") as stream:
            read = stream.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordsError(f"the {kind} cannot be read ({error})") from error

    if len(read) > LARGEST:
        raise RecordsError(f"'{path}' is larger than {LARGEST} bytes, so it is not a {kind}")

    return read


def records(
    text: bytes, path: Path, shape: str, fits: t.Callable[[t.Any, t.Any], bool]
) -> dict[t.Any, t.Any]:
    """Return the mapping that a file's text holds, {} for nothing.

    Each key and its value must fit; ``shape`` describes what maps to what. Raises RecordsError that
    names the line.
    """
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeError, ValueError, TypeError, RecursionError) as error:
        raise RecordsError(f"'{path}' is damaged: {' '.join(str(error).split())}") from error

    if found is None:
        return {}
    if not isinstance(found, dict) or not all(fits(key, value) for key, value in found.items()):
        raise RecordsError(f"'{path}' is damaged: it must map {shape}")

    return found
