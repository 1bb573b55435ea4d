# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take old jobs out of service: adopted (silenced where they are) or removed (moved away with a manifest)."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.upkeep.preflight.legacy import (
    ADOPTED_MARK,
    ADOPTED_SUFFIX,
    Hit,
    printable,
)

Way = t.Literal["adopted", "removed"]


@dataclass(frozen=True)
class Step:
    """What happens to one place: its lines are changed to ``text``, or (``text`` none) the file goes as a whole."""

    hit: Hit
    text: str | None


@dataclass
class Taken:
    """What the module returns."""

    changed: bool = False
    actions: list[dict[str, str]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def plan(hits: list[Hit], way: Way) -> tuple[list[Step], list[dict[str, str]]]:
    """Return the steps, and the places that are left alone with the reason."""
    steps: list[Step] = []
    left: list[dict[str, str]] = []
    for hit in hits:
        if hit.whole:
            steps.append(Step(hit, None))
        elif hit.place.kind == "logrotate":
            left.append(
                {
                    "path": hit.place.path,
                    "reason": "it also rotates other logs; take the old section out by hand",
                }
            )
        elif hit.place.link:
            left.append(
                {
                    "path": hit.place.path,
                    "reason": "it is a link; change the file that it leads to by hand",
                }
            )
        else:
            steps.append(Step(hit, _without(hit, way)))

    return steps, left


def _without(hit: Hit, way: Way) -> str:
    """Return the crontab's text with its old jobs as comments, or without them."""
    kept = []
    for number, line in enumerate(hit.place.text.split("\n")):
        if number not in hit.lines:
            kept.append(line)
        elif way == "adopted":
            kept.append(ADOPTED_MARK + line)

    return "\n".join(kept)


def take(hits: list[Hit], way: Way, archive: Path, check_mode: bool) -> Taken:
    """Do, or in check mode predict, the steps.

    Raises OSError, with what was done before it complete.
    """
    steps, left = plan(hits, way)
    taken = Taken(changed=bool(steps), left=left)
    targets: list[str] = []
    folder = archive / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    for step in steps:
        place = step.hit.place
        target = _target(step, way, folder)
        taken.actions.append({"path": place.path, "action": way, "to": target})
        taken.diff.append(_diff(step, target))
        targets.append(target)

    if check_mode or not steps:
        return taken

    if way == "removed":
        _keep_copies(steps, folder)

    for step, target in zip(steps, targets, strict=True):
        _carry_out(step, way, target)

    return taken


def _target(step: Step, way: Way, folder: Path) -> str:
    if way == "removed":
        return str(_copy_of(step, folder))

    path: str = step.hit.place.path
    if step.text is not None:
        return path

    return _silenced_name(path)


def _silenced_name(path: str) -> str:
    """Return a free name: a job that came back after its adoption must not overwrite what was set aside then."""
    name: str = path + ADOPTED_SUFFIX
    if not os.path.lexists(name):
        return name
    return f"{path}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ADOPTED_SUFFIX}"


def _copy_of(step: Step, folder: Path) -> Path:
    return folder.joinpath("files", step.hit.place.path.lstrip("/"))


def _keep_copies(steps: list[Step], folder: Path) -> None:
    """Copy every original and list them, all on disk before the first original is touched."""
    folder.mkdir(mode=0o700, parents=True)
    manifest = []
    for step in steps:
        original, copy = Path(step.hit.place.path), _copy_of(step, folder)
        status = original.lstat()
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(original, copy, follow_symlinks=False)
        if not copy.is_symlink():
            _sync(copy)

        manifest.append(
            {
                "path": str(original),
                "copy": str(copy.relative_to(folder)),
                "lines": list(step.hit.lines),
                "mode": f"{stat.S_IMODE(status.st_mode):04o}",
                "uid": status.st_uid,
                "gid": status.st_gid,
            }
        )

    _write(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n", mode=0o600)


def _carry_out(step: Step, way: Way, target: str) -> None:
    path = Path(step.hit.place.path)
    if step.text is not None:
        _replace_text(path, step.text)
    elif way == "adopted":
        path.rename(target)
    else:
        path.unlink()


def _replace_text(path: Path, text: str) -> None:
    """Put the new text in place by one rename, with owner and mode of the old file.

    Cron notices the changed folder.
    """
    status = path.stat()
    # A name with a dot: cron does not take the draft for a crontab of its own.
    draft = path.with_name(f".{path.name}{ADOPTED_SUFFIX}")
    draft.unlink(missing_ok=True)
    _write(draft, text, mode=0o600)
    os.chown(draft, status.st_uid, status.st_gid)
    draft.chmod(stat.S_IMODE(status.st_mode))
    draft.replace(path)


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _diff(step: Step, target: str) -> dict[str, str]:
    """Return what changes, without secrets: whole files by name, crontabs by their lines."""
    place = step.hit.place
    if step.text is None:
        return {
            "before_header": place.path,
            "after_header": target,
            "before": f"{place.path}\n",
            "after": f"{target}\n",
        }

    return {
        "before_header": place.path,
        "after_header": place.path,
        "before": _shown(place.text),
        "after": _shown(step.text),
    }


def _shown(text: str) -> str:
    return "".join(printable(line) + "\n" for line in text.rstrip("\n").split("\n"))
