# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take old jobs out of service.

*Adopted* jobs are silenced where they are; *removed* ones are moved away, with a manifest.
"""

from __future__ import annotations

import json
import os
import stat
import time
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files
from ..base.files import Owner
from ..base.text import visible
from .findings import printable
from .legacy import ADOPTED_MARK, ADOPTED_SUFFIX, LegacyJobs, read_again
from .settings import Treatment

#: A script is short; what is larger is left to a person, bytes.
_MAX_COPY: t.Final = 16 << 20


@dataclass(frozen=True)
class TakeoverStep:
    """What happens to one file: it gets ``text``, or (``text`` None) goes as a whole."""

    jobs: LegacyJobs
    text: str | None


@dataclass
class Takeover:
    """What the module returns."""

    changed: bool = False
    actions: list[dict[str, str]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def plan(
    found: Sequence[LegacyJobs], treatment: Treatment
) -> tuple[list[TakeoverStep], list[dict[str, str]]]:
    """Return the steps, and the files that are left alone with the reason."""
    steps: list[TakeoverStep] = []
    left: list[dict[str, str]] = []
    for jobs in found:
        reason = _reason_to_leave(jobs)
        if reason:
            left.append({"path": visible(jobs.file.path), "reason": reason})
        else:
            steps.append(TakeoverStep(jobs, None if jobs.is_whole else _without(jobs, treatment)))

    return steps, left


def take(
    found: Sequence[LegacyJobs], treatment: Treatment, archive: Path, check_mode: bool
) -> Takeover:
    """Do, or in check mode predict, the steps.

    Raises OSError; what was done before it is complete then.
    """
    steps, left = plan(found, treatment)
    taken = Takeover(changed=bool(steps), left=left)
    folder = archive / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    targets = [_target(step, treatment, folder) for step in steps]

    for step, target in zip(steps, targets, strict=True):
        path = visible(step.jobs.file.path)
        taken.actions.append({"path": path, "action": treatment, "to": visible(target)})
        taken.diff.append(_diff(step, target))

    if check_mode or not steps:
        return taken

    if treatment == "removed":
        _keep_copies(steps, folder)

    for step, target in zip(steps, targets, strict=True):
        _carry_out(step, treatment, target)

    return taken


def _reason_to_leave(jobs: LegacyJobs) -> str:
    """Return why a person has to change this file, "" when it can be taken over."""
    if jobs.file.is_cut:
        return "it is larger than 1 MiB; change it by hand"
    if jobs.is_whole:
        return ""
    if jobs.file.kind == "logrotate":
        return "it also rotates other logs; take the old section out by hand"
    if jobs.file.is_link:
        return "it is a link; change the file that it leads to by hand"

    return ""


def _without(jobs: LegacyJobs, treatment: Treatment) -> str:
    """Return the crontab's text with its old jobs as comments, or without them."""
    kept = []
    for number, line in enumerate(jobs.file.text.split("\n")):
        if number not in jobs.lines:
            kept.append(line)
        elif treatment == "adopted":
            kept.append(ADOPTED_MARK + line)

    return "\n".join(kept)


def _target(step: TakeoverStep, treatment: Treatment, folder: Path) -> str:
    path: str = step.jobs.file.path
    if treatment == "removed":
        return str(_copy_of(step, folder))

    return path if step.text is not None else _silenced_name(path)


def _silenced_name(path: str) -> str:
    """Return a free name: a job that came back must not overwrite what was set aside before."""
    name: str = path + ADOPTED_SUFFIX
    if not os.path.lexists(name):
        return name

    return f"{path}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ADOPTED_SUFFIX}"


def _copy_of(step: TakeoverStep, folder: Path) -> Path:
    return folder.joinpath("files", step.jobs.file.path.lstrip("/"))


def _keep_copies(steps: Sequence[TakeoverStep], folder: Path) -> None:
    """Copy every original and list them, all on disk before the first original is touched."""
    folder.mkdir(mode=0o700, parents=True)
    manifest = [_keep_copy(step, folder) for step in steps]

    files.write_atomic(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n", 0o600)


def _keep_copy(step: TakeoverStep, folder: Path) -> dict[str, t.Any]:
    """Copy one original and return its line of the manifest."""
    original, copy = Path(step.jobs.file.path), _copy_of(step, folder)
    status = original.lstat()
    if stat.S_ISLNK(status.st_mode):
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.symlink_to(original.readlink())
    else:
        data = files.read_bytes(original, _MAX_COPY)
        files.write_atomic(copy, data, stat.S_IMODE(status.st_mode), folder_mode=0o700)
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))

    return {
        "path": str(original),
        "copy": str(copy.relative_to(folder)),
        "lines": list(step.jobs.lines),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def _carry_out(step: TakeoverStep, treatment: Treatment, target: str) -> None:
    path = Path(step.jobs.file.path)
    if not read_again(step.jobs.file):
        raise OSError(f"'{visible(str(path))}' changed since it was read; run this again")

    if step.text is not None:
        # With owner and mode of the old file; cron notices the changed folder.
        status = path.lstat()
        owner = Owner(status.st_uid, status.st_gid)
        files.write_atomic(path, step.text, stat.S_IMODE(status.st_mode), owner=owner)
    elif treatment == "adopted":
        path.rename(target)
    else:
        files.unlink_beneath(path)


def _diff(step: TakeoverStep, target: str) -> dict[str, str]:
    """Return what changes, without secrets: whole files by name, crontabs by their lines."""
    path, text = visible(step.jobs.file.path), step.jobs.file.text
    before, after = (path, visible(target)) if step.text is None else (text, step.text)

    return {
        "before_header": path,
        "after_header": visible(target) if step.text is None else path,
        "before": _lines(before),
        "after": _lines(after),
    }


def _lines(text: str) -> str:
    return "".join(printable(line) + "\n" for line in text.rstrip("\n").split("\n"))
