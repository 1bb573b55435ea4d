# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""logrotate on the host, apart from any single log: program, state file, timer, competing configurations."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding, finding
from ansible.module_utils.upkeep.log_rotation.engine import Answer, Engine


@dataclass(frozen=True)
class Host:
    """Where things are on the host.

    ``program`` and ``systemctl`` are none when they are not installed.
    """

    program: str | None
    systemctl: str | None
    config_path: str
    state_path: str
    main_config: str = "/etc/logrotate.conf"


def installed(path: str) -> str:
    """Return the text of a configuration file, empty when there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def host_findings(
    plan: Answer, result: Answer, files: dict[str, list[str]], host: Host
) -> list[Finding]:
    """Return one finding for each of the program, its state file, its timer and competing configurations."""
    return [_program(host), _state(plan, result), _timer(host), _duplicates(host, files)]


def _program(host: Host) -> Finding:
    if host.program is None:
        return finding(
            "logrotate:program",
            "unknown",
            "logrotate is not installed yet; a run without --check installs it.",
        )

    return finding("logrotate:program", "ok", "logrotate is installed.", observed=host.program)


def _state(plan: Answer, result: Answer) -> Finding:
    if result.locked:
        message = "Another logrotate was at work, so nothing was rotated now; run again when it has finished."
        return finding("logrotate:state", "warning", message, observed="locked", expected="free")

    if plan.state_errors:
        message = f"The state file has a damaged part, so some logs begin a new period: {plan.state_errors[0]}"
        return finding(
            "logrotate:state", "warning", message, observed="damaged", expected="readable"
        )

    return finding(
        "logrotate:state",
        "ok",
        "The state file is readable and free.",
        observed="readable",
        expected="readable",
    )


def _timer(host: Host) -> Finding:
    """Between our runs it is the timer that rotates; without it only the days of our runs count."""
    if host.systemctl is None:
        return finding(
            "logrotate:timer", "unknown", "systemctl is not there to ask for logrotate.timer."
        )

    done = subprocess.run(  # noqa: S603 - a fixed program and fixed words, no shell
        [host.systemctl, "is-active", "logrotate.timer"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    state = done.stdout.strip()
    if not state:
        return finding(
            "logrotate:timer", "unknown", f"systemctl does not answer: {done.stderr.strip()}"
        )
    if state == "active":
        return finding(
            "logrotate:timer", "ok", "logrotate.timer is active.", observed=state, expected="active"
        )

    message = (
        "Between two maintenance runs nothing is rotated: systemctl enable --now logrotate.timer"
    )

    return finding("logrotate:timer", "warning", message, observed=state, expected="active")


def _duplicates(host: Host, files: dict[str, list[str]]) -> Finding:
    """Look whether another configuration claims one of our logs.

    Logrotate then takes only one of the two.
    """
    check = "logrotate:duplicates"
    if (
        host.program is None
        or not installed(host.config_path)
        or not Path(host.main_config).exists()
    ):
        return finding(check, "info", "Other configurations are compared once ours is in place.")

    answer = Engine(host.program, host.state_path).ask(host.main_config)
    ours = [path for paths in files.values() for path in paths]
    twice = [
        text
        for text in answer.config_errors
        if "duplicate log entry" in text and any(path in text for path in ours)
    ]
    if not twice:
        return finding(
            check, "ok", "No other configuration rotates these logs.", observed=0, expected=0
        )

    message = f"A log is rotated by two configurations: {twice[0]}. Take the older one over with preflight_legacy=adopt."

    return finding(check, "warning", message, observed=len(twice), expected=0)
