# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host goes back by itself when nobody confirms: a timer, armed before a model is changed."""

from __future__ import annotations

import contextlib
import typing as t

from ..base import systemd
from ..base.deadline import Deadline
from ..base.files import write_atomic
from ..base.folders import Folder
from ..base.systemd import SystemdError
from ..switching import unit_files
from ..switching.confirming import longest_confirmation
from ..switching.restarting import restart_seconds
from .copies import BESIDE
from .settings import UpdatedModel
from .versions import GOING_BACK, SWITCHING, UNDONE, KeptVersion, Versions

#: Seconds beyond what the steps of an update may take.
SLACK: t.Final = 120


def undo_unit(model: UpdatedModel) -> str:
    """Return the unit that goes back to the model before."""
    return f"{model.server.stem}-model-undo.service"


def undo_steps(model: UpdatedModel, versions: Versions, previous: KeptVersion) -> list[list[str]]:
    """Return the commands that go back; one that begins with '-' may fail.

    Owner and mode are set in the folder of root: where the service user may write, a link could
    take the place of the file meanwhile. From there on it is only renamed, which follows no link.
    """
    files, mark = versions.files(previous), previous.mark
    install = ["/usr/bin/install", "-T", "-o", str(mark.uid), "-g", str(mark.gid)]
    install += ["-m", f"{mark.mode:04o}"]
    pairs = [(files.path, GOING_BACK[0], model.file)]
    steps = []
    if model.metadata and files.metadata:
        pairs.append((files.metadata, GOING_BACK[1], model.metadata.name))
    elif model.metadata:
        steps.append(["/usr/bin/rm", "-f", f"{model.folder}/{model.metadata.name}"])
    for kept, own, name in pairs:
        own, beside = f"{versions.path}/{own}", f"{model.folder}/{BESIDE}{name}"
        steps.append([*install, kept, own])
        # What is mounted of its own is copied there; only then does one rename bring it live.
        steps.append(["/usr/bin/mv", "-T", own, beside])
        steps.append(["/usr/bin/mv", "-T", beside, f"{model.folder}/{name}"])

    return [
        *steps,
        ["-", "/usr/bin/systemctl", "reset-failed", model.server.unit, *model.workers],
        ["/usr/bin/systemctl", "restart", model.server.unit],
        *(["-", "/usr/bin/systemctl", "restart", worker] for worker in model.workers),
        ["/usr/bin/mv", "-T", f"{versions.path}/{SWITCHING}", f"{versions.path}/{UNDONE}"],
    ]


def service_text(model: UpdatedModel, versions: Versions, previous: KeptVersion) -> str:
    """Return the unit; it writes nothing but the system's folder and that of the versions."""
    commands = "".join(
        f"ExecStart={'-' if step[0] == '-' else ''}{' '.join(step[step[0] == '-' :])}\n"
        for step in undo_steps(model, versions, previous)
    )

    seconds = unit_files.undo_seconds(model.server, _seconds_of_restarts(model))

    return (
        f"# Written by Upkeep.\n[Unit]\nDescription=Back to model {previous.id} of"
        f" {model.server.unit}\nConditionPathExists={versions.path}/{SWITCHING}\n"
        f"After={model.server.unit}\n\n"
        f"[Service]\nType=oneshot\nTimeoutStartSec={seconds:.0f}\nProtectSystem=strict\n"
        f"ReadWritePaths={model.root} {versions.path}\n{commands}\n{unit_files.AT_BOOT}"
    )


def timer_text(model: UpdatedModel, seconds: float) -> str:
    """Return the timer that goes back unless the update is confirmed in time."""
    return (
        f"# Written by Upkeep.\n[Unit]\nDescription=Back to the model before of"
        f" {model.server.unit}, unless confirmed\n\n[Timer]\nOnActiveSec={seconds:.0f}\n"
        f"AccuracySec=1\n\n{unit_files.timer_install(undo_unit(model))}"
    )


def seconds_until_undo(model: UpdatedModel) -> float:
    """Return how long an update may take from here until it is confirmed."""
    server = model.server
    steps = 4 * (server.start_seconds + server.drain_seconds) + SLACK

    return steps + _seconds_of_restarts(model) + longest_confirmation(server)


def _seconds_of_restarts(model: UpdatedModel) -> float:
    """Return how long the server and its workers may take to end and start, one after another."""
    return sum(restart_seconds(model.server, model.workers).values())


def arm(model: UpdatedModel, versions: Versions, previous: KeptVersion, sha256: str) -> None:
    """Have the host go back to a version by itself; raises OSError, SystemdError, TimeoutError."""
    deadline, unit = Deadline(60), undo_unit(model)
    timer = unit.replace(".service", ".timer")
    versions.begin(previous, sha256)
    _write(unit, service_text(model, versions, previous))
    _write(timer, timer_text(model, seconds_until_undo(model)))
    systemd.reload_files(deadline)
    systemd.enable(timer, deadline)
    systemd.start(timer, deadline)


def is_armed(model: UpdatedModel) -> bool:
    """Return whether the host has what goes back by itself; raises OSError."""
    unit = undo_unit(model)
    with Folder.owned(unit_files.UNITS) as folder:
        return folder.has(unit) or folder.has(unit.replace(".service", ".timer"))


def disarm(model: UpdatedModel) -> None:
    """Take the timer away; raises OSError, SystemdError, TimeoutError."""
    deadline, unit = Deadline(60), undo_unit(model)
    timer = unit.replace(".service", ".timer")
    with contextlib.suppress(SystemdError):
        systemd.stop(timer, deadline)
        systemd.disable(timer, deadline)
    with Folder.owned(unit_files.UNITS) as folder:
        folder.remove(timer)
        folder.remove(unit)
    systemd.reload_files(deadline)


def _write(unit: str, text: str) -> None:
    write_atomic(f"{unit_files.UNITS}/{unit}", text, 0o644, folder_mode=0o755)
