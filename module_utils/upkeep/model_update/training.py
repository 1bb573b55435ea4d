# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a candidate made by the profile's command: bounded, off the serving path."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Mapping

from ..base.files import open_resolved, reason_of
from ..base.folders import Folder
from ..base.redact import redact
from ..base.text import limit_text, visible
from . import copies
from .copies import Mark, ModelDigest, ModelFiles, TouchedError, UpdateError
from .settings import Training, UpdatedModel, UpdateSettings
from .versions import Versions

#: Largest candidate, bytes.
LARGEST: t.Final = 2 << 30
#: Folder and names under which a candidate waits to be fetched.
CANDIDATE: t.Final = "candidate"
#: Folder of what serves while a training runs.
SET_ASIDE: t.Final = "training"
_SHOWN: t.Final = 400
_SPARE: t.Final = 60


def train(settings: UpdateSettings, versions: Versions, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer with the candidate; raises UpdateError, OSError."""
    model, training = settings.model, t.cast(Training, settings.model.training)
    subject = model.subject._replace(requirements=training.requirements or model.requirements)
    command = " ".join(training.command)
    if check_mode:
        message = f"'{command}' would make a candidate."
        return {"changed": True, "findings": [subject.finding("info", message, aspect="training")]}

    before, serving = _stamp(training.output), _set_aside(model, versions)
    try:
        _run(model, training)
    finally:
        _require_untouched(model, serving)
    if _stamp(training.output) in (None, before):
        raise UpdateError(f"the training left no new file '{training.output}'")

    digest = _fetched(model, training, versions)
    message = f"'{command}' made the candidate {digest.sha256[:12]}: {digest.bytes} bytes."
    found = subject.finding("ok", message, aspect="training", observed=digest.sha256)

    return {
        "changed": True,
        "findings": [found],
        "candidate": {
            "path": f"{versions.path}/{CANDIDATE}/{model.file}",
            "metadata": f"{versions.path}/{CANDIDATE}/{model.metadata.name}"
            if model.metadata
            else "",
            "sha256": digest.sha256,
        },
    }


def unit_command(model: UpdatedModel, training: Training) -> list[str]:
    """Return the command that runs the training in a limited unit of its own."""
    limits: Mapping[str, str] = {
        "User": model.user,
        "WorkingDirectory": model.root,
        "MemoryMax": f"{training.memory_mb}M",
        "MemorySwapMax": "0",
        "CPUQuota": f"{training.cpu_percent}%",
        "Nice": "15",
        "IOSchedulingClass": "idle",
        "RuntimeMaxSec": str(training.seconds),
        "NoNewPrivileges": "yes",
        "ReadOnlyPaths": model.path,
    }

    return [
        "systemd-run",
        f"--unit=upkeep-training-{model.name}",
        "--wait",
        "--collect",
        "--pipe",
        "--quiet",
        *(f"--property={name}={value}" for name, value in limits.items()),
        "--",
        *training.command,
    ]


def _run(model: UpdatedModel, training: Training) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - argv list from the profile
            unit_command(model, training),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=training.seconds + _SPARE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateError(f"the training cannot be run: {error}") from error

    if done.returncode:
        said = done.stdout.decode("utf-8", "replace")[-_SHOWN:]
        last = limit_text(visible(redact(" ".join(said.split()))), _SHOWN)
        raise UpdateError(f"the training ended with {done.returncode}: {last or 'it said nothing'}")


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None

    return status.st_ino, status.st_mtime_ns


def _set_aside(model: UpdatedModel, versions: Versions) -> tuple[ModelFiles, Mark]:
    """Copy what serves to where no training can change it; it is no version."""
    mark = copies.mark_of(model)
    with copies.serving_folder(model) as serving, versions.folder() as kept:
        kept.remove(SET_ASIDE)
        with kept.make(SET_ASIDE) as place, serving.read(model.file) as stream:
            digest = copies.copy_into(place, model.file, stream, None)

    return ModelFiles(f"{versions.path}/{SET_ASIDE}/{model.file}", "", digest), mark


def _require_untouched(model: UpdatedModel, serving: tuple[ModelFiles, Mark]) -> None:
    """Put back what serves and raise TouchedError when the training changed it.

    The unit cannot write it where the host has mount namespaces; in a container without them
    systemd leaves that limit out without a word.
    """
    files, mark = serving
    try:
        with copies.serving_folder(model) as folder:
            if _is_same(folder, model.file, files.digest):
                return
            copies.put_beside(model, files, mark)
            folder.rename(copies.BESIDE + model.file, model.file)
    except (OSError, UpdateError) as error:
        copies.clear(model)
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise TouchedError(
            f"the training changed '{model.path}', which serves, and it cannot be put back:"
            f" {reason}. A person must step in; what it was is kept as '{files.path}' until the"
            " next training"
        ) from error

    raise TouchedError(
        f"the training changed '{model.path}', which serves; its file is what it was again. Let the"
        " training write elsewhere"
    )


def _is_same(folder: Folder, name: str, digest: ModelDigest) -> bool:
    """Return whether a file is what it was; one that is gone or no file any more is not."""
    try:
        with folder.read(name) as stream:
            return copies.digest_of(stream) == digest
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
