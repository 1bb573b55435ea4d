# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far the making of a set has come, read from the hidden folder in which it is made.

Where a run was killed that folder is all there is as well, so it is what a person would look at.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.folders import Folder
from .catalogue import BackupCatalogue

_MIB = 1 << 20


def progress_text(catalogue: BackupCatalogue, names: Sequence[str]) -> str:
    """Return which of the named artefacts is being made, '' when none is."""
    try:
        folders = catalogue.leftovers()
        if not folders:
            return ""
        with catalogue.folder.enter(folders[-1]) as making:
            begun = set(making.names())
            current = [name for name in names if name in begun][-1:]
            if not current:
                return ""
            size = _size(making, current[0])
            whole = sum(_size(making, name) for name in begun)
    except OSError:  # it was just finished, or thrown away
        return ""

    number = names.index(current[0]) + 1

    return (
        f"{current[0]}, {number} of {len(names)}, has {size / _MIB:.0f} MiB,"
        f" the set {whole / _MIB:.0f} MiB"
    )


def _size(making: Folder, name: str) -> int:
    with making.enter(name) as folder:
        return sum(status.st_size for _, status in folder.files())
