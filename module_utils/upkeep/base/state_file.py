# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small state that a host keeps from run to run: one JSON file, ours alone, replaced whole."""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Mapping

from .files import PathLike, read_bytes, reason_of, write_atomic
from .text import visible

#: State is small; a larger file was not written by us, bytes.
MAX_BYTES: t.Final = 4 << 20


class StateFileError(Exception):
    """The file cannot be used or written; the message is a sentence without a full stop."""


def load(path: PathLike, version: int) -> dict[str, t.Any] | None:
    """Return what ``save`` wrote, None when there is no file.

    Raises StateFileError for a file of another version, of another user, or that is damaged.
    """
    name = visible(os.fspath(path))
    try:
        raw = read_bytes(path, MAX_BYTES, owner=(0, os.geteuid()), trusted_links=True)
        state = json.loads(raw, parse_constant=_refuse)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileError(f"'{name}' cannot be read: {reason_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise StateFileError(f"'{name}' is damaged: it is not JSON") from error

    if not isinstance(state, dict) or "version" not in state:
        raise StateFileError(f"'{name}' is damaged: it has no version")
    if state.pop("version") != version:
        raise StateFileError(f"'{name}' was written by another version of Upkeep")

    return state


def save(path: PathLike, version: int, data: Mapping[str, t.Any], mode: int = 0o600) -> None:
    """Replace the state by ``data``, which must be JSON; raises StateFileError."""
    text = json.dumps({**data, "version": version}, sort_keys=True, allow_nan=False)
    try:
        write_atomic(path, text + "\n", mode, folder_mode=0o755)
    except OSError as error:
        name = visible(os.fspath(path))
        raise StateFileError(f"'{name}' cannot be written: {reason_of(error)}") from error


def _refuse(constant: str) -> t.NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")
