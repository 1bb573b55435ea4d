# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change which model serves: watched, and taken back when it is not confirmed."""

from __future__ import annotations

import contextlib
import time
import typing as t
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..base.state_file import StateFileError
from ..base.systemd import SystemdError
from ..switching import restarting
from ..switching.confirming import Baseline, Confirmation
from ..switching.settings import Server
from . import copies, undo
from .copies import ModelFiles, UpdateError
from .settings import UpdatedModel
from .versions import KeptVersion, Versions, named

Hook = Callable[[str], None]
#: Longest time for which the way back is watched, s.
_BACK: t.Final = 15.0


class RefusedError(UpdateError):
    """A model was not confirmed; ``is_back`` is whether the one before serves again."""

    def __init__(self, problem: str, evidence: str, *, is_back: bool) -> None:
        super().__init__(problem)
        self.evidence, self.is_back = evidence, is_back


class StuckError(UpdateError):
    """An update was cut off, and the host cannot go back: a person must step in."""


@dataclass(frozen=True)
class SwitchedModel:
    """How a model was confirmed, and for how long the change itself took, s."""

    confirmation: Confirmation
    previous: KeptVersion


def switch_model(
    model: UpdatedModel,
    versions: Versions,
    files: ModelFiles,
    previous: KeptVersion,
    hook: Hook,
) -> SwitchedModel:
    """Let what is beside the serving file serve; ``previous`` is what serves now.

    Raises RefusedError when it is not confirmed, OSError, SystemdError and TimeoutError before
    anything that serves was changed.
    """
    server = model.server_with(files.digest.sha256)
    before = restarting.before_change(model.server_with(previous.digest.sha256), model.user)
    try:
        undo.arm(model, versions, previous, files.digest.sha256)
    except BaseException:
        versions.end()
        raise
    hook("armed")

    seen = _brought_live(model, server, files, before, hook)
    if seen.problem:
        _give_up(model, versions, files, previous, seen)
    hook("confirmed")
    if problem := _note_confirmed(model, versions, files):
        _give_up(model, versions, files, previous, Confirmation(problem))
    # Without the note the timer does nothing, and the next run takes it away.
    with contextlib.suppress(OSError, SystemdError, TimeoutError):
        undo.disarm(model)

    return SwitchedModel(seen, previous)


def recover(model: UpdatedModel, versions: Versions) -> str:
    """Go back from an update that was cut off, unless the host has; return to which version.

    '' when there was none. Raises StuckError, OSError, SystemdError, TimeoutError.
    """
    try:
        pending = versions.pending()
        if pending is None:
            if undo.is_armed(model):  # it would end the next update early
                undo.disarm(model)
            if undone := versions.undone():
                versions.end()
            return undone
        previous = named(versions, str(pending.get("previous")))
    except (StateFileError, UpdateError) as error:
        raise StuckError(f"an update was cut off, and its note cannot be used: {error}") from error

    if problem := go_back(model, versions, previous):
        raise StuckError(f"an update was cut off, and the way back failed: {problem}")

    return previous.id


def go_back(model: UpdatedModel, versions: Versions, previous: KeptVersion) -> str:
    """Let a kept version serve again; return why it does not, '' when it does."""
    files = versions.files(previous)
    window = model.server.window
    seconds = min(window.seconds, _BACK)
    short = replace(window, seconds=seconds, needed=1, interval=min(window.interval, seconds))
    server = replace(model.server_with(previous.digest.sha256), window=short)
    try:
        versions.require_intact(previous)
        copies.put_beside(model, files, previous.mark)
        copies.bring_live(model, has_metadata=bool(files.metadata))
        seen = restarting.restart_and_confirm(server, Baseline(), model.workers, model.user)
        if seen.problem:
            return seen.problem
        versions.end()
        undo.disarm(model)
    except (OSError, UpdateError, SystemdError) as error:
        return str(error)

    return ""


def _note_confirmed(model: UpdatedModel, versions: Versions, files: ModelFiles) -> str:
    """Note that a model is confirmed; return why that cannot be, '' when it is noted."""
    try:
        with copies.serving_folder(model) as folder, folder.read(model.file) as stream:
            serving = copies.digest_of(stream).sha256
        if versions.pending() is None or serving != files.digest.sha256:
            return "the host went back by itself meanwhile"
        versions.end()
    except (OSError, StateFileError) as error:
        return f"it cannot be noted as confirmed: {error}"

    return ""


def _brought_live(
    model: UpdatedModel, server: Server, files: ModelFiles, before: Baseline, hook: Hook
) -> Confirmation:
    try:
        copies.bring_live(model, has_metadata=bool(files.metadata))
        hook("swapped")
        return restarting.restart_and_confirm(server, before, model.workers, model.user)
    except OSError as error:
        return Confirmation(str(error))


def _give_up(
    model: UpdatedModel,
    versions: Versions,
    files: ModelFiles,
    previous: KeptVersion,
    seen: Confirmation,
) -> t.NoReturn:
    evidence = {
        "problem": seen.problem,
        "time": time.time(),
        "answers": [answer.evidence() for answer in seen.failed],
        "errors": seen.errors[:20],
    }
    problem = seen.problem
    try:
        place = versions.put_evidence(files.digest.sha256, evidence)
    except (OSError, StateFileError) as error:
        place = f"not kept ({error})"
    back = go_back(model, versions, previous)
    if back:
        problem += f"; and the way back failed: {back}"

    raise RefusedError(problem, place, is_back=not back)
