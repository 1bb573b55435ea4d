# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the units hold: a service and a timer for each start, and one unit for failures."""

from __future__ import annotations

import typing as t

from .settings import PlannedStart, TimerSettings

#: First line of all files that are ours; no other file is touched.
MARK: t.Final = "# Written by Upkeep's role schedule; it is written anew when that runs."
PREFIX: t.Final = "upkeep-"
FAILED: t.Final = "upkeep-failed@.service"
#: Folder below /var/lib that systemd makes for the user of the runs.
STATE: t.Final = "upkeep-schedule"
#: Minutes between the time limit of a run and its end by systemd: it ends itself before.
_MARGIN: t.Final = 5
#: Seconds that a run has to write its report after SIGTERM.
_STOP_SECONDS: t.Final = 120


def files(settings: TimerSettings) -> dict[str, str]:
    """Return the content of each unit file by its name; empty when nothing is to start."""
    if not settings.starts:
        return {}

    found = {FAILED: _failed(settings)}
    for start in settings.starts:
        found[f"{PREFIX}{start.name}.service"] = _service(start, settings)
        found[f"{PREFIX}{start.name}.timer"] = _timer(start, settings)

    return found


def timer_of(start: PlannedStart) -> str:
    """Return the name of the timer of a start."""
    return f"{PREFIX}{start.name}.timer"


def service_of(start: PlannedStart) -> str:
    """Return the name of the service of a start."""
    return f"{PREFIX}{start.name}.service"


def _timer(start: PlannedStart, settings: TimerSettings) -> str:
    return _file(
        "[Unit]",
        f"Description=Upkeep: {start.playbook} of {start.system} ({start.words or 'by calendar'})",
        "",
        "[Timer]",
        f"OnCalendar={start.on_calendar}",
        # A start that the host slept over is made up for when it is back.
        "Persistent=true",
        f"RandomizedDelaySec={settings.random_delay}",
        "FixedRandomDelay=true",
        "AccuracySec=1s",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )


def _service(start: PlannedStart, settings: TimerSettings) -> str:
    waits = settings.lock_wait if start.waits else 0

    return _file(
        "[Unit]",
        f"Description=Upkeep: {start.playbook} of {start.system}",
        "Wants=network-online.target",
        "After=network-online.target",
        "OnFailure=upkeep-failed@%n.service",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={settings.user}",
        f"WorkingDirectory={settings.checkout}",
        f"EnvironmentFile=-{settings.environment_file}",
        "Environment=PYTHONUNBUFFERED=1 ANSIBLE_NOCOLOR=1",
        f"StateDirectory={STATE}",
        "StateDirectoryMode=0700",
        f"ExecStart={' '.join(_command(start, settings, waits))}",
        f"TimeoutStartSec={start.time_limit + waits + _MARGIN}min",
        f"TimeoutStopSec={_STOP_SECONDS}",
        # Ansible first: it writes the report, and ends what it started.
        "KillMode=mixed",
        "UMask=0077",
        f"MemoryMax={settings.memory_max}",
        "Nice=5",
    )


def _command(start: PlannedStart, settings: TimerSettings, waits: int) -> list[str]:
    inventory = [f"--inventory={settings.inventory}"] if settings.inventory else []
    waiting = [f"--extra-vars=lock_wait_minutes={waits}"] if waits else []

    return [
        str(settings.python),
        "-m",
        "upkeep",
        "run",
        start.playbook,
        f"--limit={start.system}",
        *inventory,
        *waiting,
        "--scheduled",
        f"--artifacts=%S/{STATE}/{start.name}",
        f"--keep={settings.keep}",
    ]


def _failed(settings: TimerSettings) -> str:
    program = settings.on_failure or "/bin/echo Failed, see journalctl -u"

    return _file(
        "[Unit]",
        "Description=Upkeep: %i failed",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={settings.user}",
        f"EnvironmentFile=-{settings.environment_file}",
        f"ExecStart={program} %i",
        "SyslogLevel=err",
        "SyslogIdentifier=upkeep-failed",
        "TimeoutStartSec=5min",
    )


def _file(*lines: str) -> str:
    return "\n".join((MARK, *lines, ""))
