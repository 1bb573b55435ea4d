# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a candidate made by the profile's command: bounded, off the serving path."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..base.files import open_regular, open_resolved, reason_of
from ..base.redact import redact
from ..base.text import limit_text, visible
from ..findings import Finding
from . import copies
from .copies import Mark, ModelDigest, ModelFiles, TouchedError, UpdateError
from .settings import Training, UpdatedModel, UpdateSettings
from .versions import Versions

#: Largest candidate, bytes.
LARGEST: t.Final = 2 << 30
#: Folder and names under which a candidate waits to be fetched.
CANDIDATE: t.Final = "candidate"
_SHOWN: t.Final = 400
#: Seconds that systemd has to end a unit, and that are kept to put back what was changed.
_ENDING: t.Final = 60
_PUTTING_BACK: t.Final = 120


@dataclass(frozen=True)
class BeforeTraining:
    """A model that serves while a training runs, and the copy of it from before."""

    model: UpdatedModel
    files: ModelFiles
    mark: Mark


def train(settings: UpdateSettings, versions: Versions, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer with the candidate; raises UpdateError, OSError."""
    model, training = settings.model, settings.training
    subject = model.subject._replace(requirements=training.requirements or model.requirements)
    command = " ".join(training.command)
    if check_mode:
        message = f"'{command}' would make a candidate."
        return {"changed": True, "findings": [subject.finding("info", message, aspect="training")]}

    # One training may make several models, in the folder of all.
    near = [each for each in settings.models if each.root == model.root]
    stamp, before = _stamp(training.output), [_set_aside(each) for each in near]
    units = TrainingUnits(model, training, near, Deadline(_seconds_for(settings.max_seconds)))
    try:
        units.run("training", training.command)
        if _stamp(training.output) in (None, stamp):
            raise UpdateError(f"the training left no new file '{training.output}'")
        if training.test:
            units.run("test", training.test)
    finally:
        _require_untouched(before)

    digest = _fetched(model, training, versions)
    message = f"'{command}' made the candidate {digest.sha256[:12]}: {digest.bytes} bytes."
    found = [subject.finding("ok", message, aspect="training", observed=digest.sha256)]
    if training.test:
        message = f"The candidate passed '{' '.join(training.test)}'."
        found.append(subject.finding("ok", message, aspect="test"))

    return {
        "changed": True,
        "findings": [*map(_copy_finding, before), *found],
        "candidate": {
            "path": f"{versions.path}/{CANDIDATE}/{model.file}",
            "metadata": f"{versions.path}/{CANDIDATE}/{model.metadata.name}"
            if model.metadata
            else "",
            "sha256": digest.sha256,
        },
    }


def _copy_finding(before: BeforeTraining) -> Finding:
    path = before.files.path
    message = f"What serves was copied to '{path.rpartition('/')[0]}' before the training."

    return before.model.subject.finding("ok", message, aspect="copy", observed=path)


@dataclass(frozen=True)
class TrainingUnits:
    """Runs commands in limited units that may not write the files that serve."""

    model: UpdatedModel
    training: Training
    near: Sequence[UpdatedModel]
    deadline: Deadline

    def run(self, what: str, command: Sequence[str]) -> None:
        """Run a command to its end; ``what`` names its unit. Raises UpdateError."""
        seconds = min(self.training.seconds, int(self.deadline.left))
        if seconds < 1:
            raise UpdateError(f"no time is left for the {what}; raise max_seconds")
        try:
            done = subprocess.run(  # noqa: S603 - argv list from the profile
                self.argv(what, command, seconds),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds + _ENDING,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateError(f"the {what} cannot be run: {error}") from error

        if done.returncode:
            said = done.stdout.decode("utf-8", "replace")[-_SHOWN:]
            last = limit_text(visible(redact(" ".join(said.split()))), _SHOWN)
            reason = f"the {what} ended with {done.returncode}: {last or 'it said nothing'}"
            raise UpdateError(reason)

    def argv(self, what: str, command: Sequence[str], seconds: int) -> list[str]:
        """Return what runs a command in its unit."""
        serving = [each.path for each in self.near]
        # Metadata may be missing, a path without '-' may not.
        serving += [f"-{each.folder}/{each.metadata.name}" for each in self.near if each.metadata]
        limits: Mapping[str, str] = {
            "User": self.model.user,
            "WorkingDirectory": self.model.root,
            "MemoryMax": f"{self.training.memory_mb}M",
            "MemorySwapMax": "0",
            "CPUQuota": f"{self.training.cpu_percent}%",
            "Nice": "15",
            "IOSchedulingClass": "idle",
            "RuntimeMaxSec": str(seconds),
            "NoNewPrivileges": "yes",
            "ReadOnlyPaths": " ".join(serving),
        }

        return [
            "systemd-run",
            # A name of its own each: that of a unit that has just ended may still be taken.
            f"--unit=upkeep-{what}-{self.model.name}",
            "--wait",
            "--collect",
            "--pipe",
            "--quiet",
            *(f"--property={name}={value}" for name, value in limits.items()),
            "--",
            *command,
        ]


def _seconds_for(max_seconds: int) -> float:
    """Return the seconds for all commands of a call, which is killed after ``max_seconds``."""
    return max(max_seconds - _ENDING - _PUTTING_BACK, max_seconds / 2)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None

    return status.st_ino, status.st_mtime_ns


def _set_aside(model: UpdatedModel) -> BeforeTraining:
    """Copy what serves to where no training can change it."""
    mark = copies.mark_of(model)

    return BeforeTraining(model, Versions(model).set_aside(mark), mark)


def _require_untouched(before: Sequence[BeforeTraining]) -> None:
    """Put back what serves and raise TouchedError when the training changed it.

    The unit cannot write it where the host has mount namespaces; in a container without them
    systemd leaves that limit out without a word.
    """
    if problems := [problem for each in before if (problem := _put_back(each))]:
        raise TouchedError("; ".join(problems))


def _put_back(before: BeforeTraining) -> str:
    """Put back what a training changed; return what happened, '' when it changed nothing."""
    model, files = before.model, before.files
    try:
        if _is_same(model, files):
            return ""
        copies.put_beside(model, files, before.mark)
        copies.bring_live(model, has_metadata=bool(files.metadata))
    except (OSError, UpdateError) as error:
        copies.clear(model)
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        return (
            f"the training changed '{model.path}', which serves, and it cannot be put back:"
            f" {reason}. A person must step in; what it was is kept as '{files.path}'"
        )

    return (
        f"the training changed '{model.path}', which serves; its file is what it was again. Let the"
        " training write elsewhere"
    )


def _is_same(model: UpdatedModel, files: ModelFiles) -> bool:
    """Return whether model and metadata are unchanged; False where one is gone or not a file."""
    with copies.serving_folder(model) as folder:
        try:
            with folder.read(model.file) as stream:
                if copies.digest_of(stream) != files.digest:
                    return False
            if not model.metadata:
                return True
            if not files.metadata:
                return not folder.has(model.metadata.name)
            with folder.read(model.metadata.name) as stream, open_regular(files.metadata) as kept:
                return copies.digest_of(stream) == copies.digest_of(kept)
        except OSError:
            return False


def _fetched(model: UpdatedModel, training: Training, versions: Versions) -> ModelDigest:
    """Copy what the training left to where root alone can change it."""
    folder, _, _ = training.output.rpartition("/")
    with versions.folder() as kept:
        kept.remove(CANDIDATE)
        with kept.make(CANDIDATE) as place:
            try:
                with open_resolved(training.output, model.root, max_bytes=LARGEST) as stream:
                    digest = copies.copy_into(place, model.file, stream, None)
                if model.metadata:
                    path = f"{folder}/{model.metadata.name}"
                    with open_resolved(path, model.root, max_bytes=1 << 20) as stream:
                        copies.copy_into(place, model.metadata.name, stream, None)
            except OSError as error:
                reason = f"what the training left cannot be read: {reason_of(error)}"
                raise UpdateError(reason) from error

    return digest
