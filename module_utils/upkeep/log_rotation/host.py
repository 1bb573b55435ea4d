# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""logrotate on the host as a whole: program, state file, timer, competing configurations."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import files, systemd
from ..base.deadline import Deadline
from ..base.text import visible
from ..findings import Finding, finding
from .config import ZSTD
from .logrotate import Logrotate, LogrotateError, LogrotateOutput
from .settings import LogSettings, RotationSettings

TIMER: t.Final = "logrotate.timer"
CONFIG_BYTES: t.Final = 16 << 20
_SYSTEMD_SECONDS: t.Final = 30.0


@dataclass(frozen=True)
class LogrotateHost:
    """logrotate's program, None where it is not installed, and its main file."""

    program: str | None
    main_config: str = "/etc/logrotate.conf"
    zstd: str = ZSTD

    def usable(self, logs: Sequence[LogSettings]) -> tuple[LogSettings, ...]:
        """Return the logs as they can be compressed here: by gzip where there is no zstd."""
        if Path(self.zstd).exists():
            return tuple(logs)

        return tuple(dataclasses.replace(log, compression="gzip") for log in logs)


@dataclass(frozen=True)
class LogrotateRuns:
    """What logrotate printed: when it was asked what is due, and when it rotated.

    ``problem`` is why it could not be run, '' when it could.
    """

    preview: LogrotateOutput
    rotation: LogrotateOutput | None
    problem: str = ""


def installed(path: str) -> str:
    """Return the text of a configuration file, empty when there is none that can be read."""
    try:
        return files.read_text(path, CONFIG_BYTES, trusted_links=True, errors="replace")
    except OSError:
        return ""


def host_findings(
    runs: LogrotateRuns, settings: RotationSettings, host: LogrotateHost, logs: Collection[str]
) -> list[Finding]:
    """Return the findings on program, state file, timer and competing configurations.

    ``logs`` are the files that are ours.
    """
    return [
        _program(host, settings),
        _state(runs),
        _timer(),
        _duplicates(host, settings, logs),
    ]


def _program(host: LogrotateHost, settings: RotationSettings) -> Finding:
    check = "logrotate:program"
    if host.program is None:
        message = "logrotate is not installed yet; a run without --check installs it."
        return finding(check, "unknown", message)

    if any(log.compression == "zstd" for log in settings.logs) and not Path(host.zstd).exists():
        message = "zstd is not installed, so gzip compresses, much slower: apt-get install zstd"
        return finding(check, "warning", message, observed=host.program)

    return finding(check, "ok", "logrotate is installed.", observed=host.program)


def _state(runs: LogrotateRuns) -> Finding:
    check = "logrotate:state"
    if runs.problem:
        return finding(check, "critical", f"Nothing was rotated: {visible(runs.problem)}.")

    if runs.rotation and runs.rotation.locked:
        message = "Another logrotate was at work, so nothing was rotated; run again later."
        return finding(check, "warning", message, observed="locked", expected="free")

    if runs.preview.state_errors:
        message = (
            "The state file is damaged in part, so some logs begin a new period:"
            f" {visible(runs.preview.state_errors[0])}"
        )
        return finding(check, "warning", message, observed="damaged", expected="readable")

    if runs.preview.from_future:
        message = (
            f"The last rotation of {visible(runs.preview.from_future[0])} lies in the future, so"
            " it was due at once: is the clock of this host right?"
        )
        return finding(check, "warning", message, observed="in the future", expected="past times")

    message = "The state file is readable and free."

    return finding(check, "ok", message, observed="readable", expected="readable")


def _timer() -> Finding:
    """Between our runs the timer rotates; without it only the days of our runs count."""
    check = "logrotate:timer"

    try:
        shown = systemd.show([TIMER], ["ActiveState"], Deadline(_SYSTEMD_SECONDS))
    except (systemd.SystemdError, TimeoutError) as error:
        return finding(check, "unknown", f"The timer's state is not known: {visible(str(error))}.")

    state = shown[TIMER].get("ActiveState") or "unknown"
    if state in systemd.ACTIVE_STATES:
        message = "logrotate.timer is active."
        return finding(check, "ok", message, observed=state, expected="active")

    message = f"Nothing is rotated between two runs: systemctl enable --now {TIMER}"

    return finding(check, "warning", message, observed=visible(state), expected="active")


def _duplicates(host: LogrotateHost, settings: RotationSettings, logs: Collection[str]) -> Finding:
    """Find another configuration that names one of our logs: logrotate takes one of the two."""
    check = "logrotate:duplicates"
    ours = installed(settings.config_path)
    if host.program is None or not (ours and Path(host.main_config).exists()):
        message = "Other configurations are compared once ours is in place."
        return finding(check, "info", message)

    try:
        output = Logrotate(host.program, settings.state_path).preview_file(host.main_config)
    except LogrotateError as error:
        return finding(check, "unknown", f"Not compared: {visible(str(error))}.")

    duplicate = [
        text
        for text in output.config_errors
        if "duplicate log entry" in text and any(path in text for path in logs)
    ]
    if not duplicate:
        message = "No other configuration rotates these logs."
        return finding(check, "ok", message, observed=0, expected=0)

    message = (
        f"A log is rotated by two configurations: {visible(duplicate[0])}."
        " Take the older one over with preflight_legacy=adopt."
    )

    return finding(check, "warning", message, observed=len(duplicate), expected=0)
