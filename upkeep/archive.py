# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a finished run's folder to the place where its record is kept."""

from __future__ import annotations

from pathlib import Path

from upkeep import report, store


def local_folder(target: str, project: Path) -> Path:
    """Return the directory that runs are written to; for a database address it is the project's own store."""
    if "://" in target:
        return project / "store"
    return Path(target).expanduser() if Path(target).expanduser().is_absolute() else project / target


def publish(run_dir: Path, target: str) -> Path:
    """Render the run, hand it to the store and return the path of the report."""
    page = report.render(run_dir)
    if "://" in target:
        store.open_store(target).save(run_dir)
    else:
        store.open_store(str(run_dir.parent.parent)).save(run_dir)
    return page
