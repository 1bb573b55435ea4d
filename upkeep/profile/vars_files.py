# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name the file of variables that a run could not read.

Ansible's own message names neither it nor a way out.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

FOLDERS: t.Final = ("group_vars", "host_vars")
ENDINGS: t.Final = ("", ".yml", ".yaml", ".json")
SEALED: t.Final = b"$ANSIBLE_VAULT;"


def variable_files(inventories: t.Iterable[str]) -> list[Path]:
    """Return the files of group and host variables beside the inventories, sorted by name."""
    places = {
        Path(inventory) if Path(inventory).is_dir() else Path(inventory).parent
        for inventory in inventories
    }
    inside = {
        path for place in places for folder in FOLDERS for path in (place / folder).rglob("*")
    }

    return sorted(path for path in inside if path.suffix in ENDINGS and path.is_file())


def unreadable(inventories: t.Iterable[str], load: t.Callable[[str], t.Any]) -> list[str]:
    """Return a sentence for each file that ``load`` cannot read: which one, and what to do."""
    found = ((path, _error(path, load)) for path in variable_files(inventories))
    return [_sentence(path, error) for path, error in found if error]


def _error(path: Path, load: t.Callable[[str], t.Any]) -> str:
    try:
        load(str(path))
    except Exception as error:  # whatever stopped the run
        return _words(error)
    return ""


def _words(error: BaseException) -> str:
    """Return the message with the line and column that Ansible's YAML errors carry beside it."""
    mark = getattr(error.__cause__, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return " ".join(str(error).split()) + where


def _sentence(path: Path, error: str) -> str:
    if _is_sealed(path):
        return (
            f"'{path}' is encrypted, and the passwords of this run do not open it: give the right"
            " one by --ask-vault-pass, --vault-password-file FILE or the variable"
            " ANSIBLE_VAULT_PASSWORD_FILE"
        )

    return f"'{path}' cannot be read: {error}"


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SEALED)) == SEALED
    except OSError:
        return False
