# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What verbs share: the store to open, numbers of the command line, JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import typing as t

from upkeep import PROJECT
from upkeep.run import archive
from upkeep.store import Store, open_store

DEFAULT_STORE: t.Final = "store"
#: What argparse calls the object to which parsers of verbs are added.
Verbs: t.TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def positive(word: str) -> int:
    """Return a whole number of at least 1; raises what argparse turns into one line."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least 1")

    return int(word)


def store_target(given: str | None) -> str:
    """Return the store to open.

    A relative directory in UPKEEP_STORE belongs to the project, as for the callback.
    """
    if given:
        return given

    target = os.environ.get("UPKEEP_STORE") or DEFAULT_STORE

    return target if "://" in target else str(archive.local_folder(target, PROJECT))


def opened(options: argparse.Namespace) -> Store:
    """Return the store that the command line names; raises StoreError."""
    return open_store(store_target(options.store), create=False)


def note_nothing(text: str) -> None:
    """Print that there is nothing to list; not into the list itself, which programs may read."""
    print(f"upkeep: {text}", file=sys.stderr)


def print_json(value: t.Any) -> None:
    """Print a value as JSON for other programs; ASCII, so that any terminal can show it."""
    print(json.dumps(value, indent=2))
