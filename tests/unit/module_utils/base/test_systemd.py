# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemctl is asked, what its output becomes, and what happens when it does not answer."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.systemd import SystemdError, is_unit_name, restart, show


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a systemctl first in PATH that notes its words and does what ``script`` says."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    systemctl(tmp_path, "")
    return tmp_path


def systemctl(folder: Path, script: str) -> None:
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{script}\n')
    program.chmod(0o755)


def words(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_several_units_are_shown_by_one_call(calls: Path) -> None:
    systemctl(calls, r"printf 'A=1\nB=x=y\n\nA=2\nB=\n'")

    shown = show(["a.service", "b.timer"], ["A", "B"], Deadline(5))

    assert shown == {"a.service": {"A": "1", "B": "x=y"}, "b.timer": {"A": "2", "B": ""}}
    assert words(calls) == ["--no-ask-password --no-pager show --property=A,B -- a.service b.timer"]


def test_no_unit_needs_no_call(calls: Path) -> None:
    assert show([], ["A"], Deadline(5)) == {}
    assert not (calls / "calls").exists()


@pytest.mark.parametrize("name", ["", " ", "php*.service", "a?.service", "[ab].service", "a\nb"])
def test_a_pattern_is_not_a_unit(calls: Path, name: str) -> None:
    assert not is_unit_name(name)
    with pytest.raises(SystemdError, match="is not the name of a unit"):
        show([name], ["A"], Deadline(5))
    with pytest.raises(SystemdError, match="is not the name of a unit"):
        restart(name, Deadline(5))
    assert not (calls / "calls").exists()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'Access  denied' >&2; exit 4", "systemctl cannot show a.service: Access denied"),
        ("exit 1", "systemctl ended with 1"),
        ("printf 'A=1\\n\\nA=2\\n'", "showed 2 units, not 1"),
    ],
)
def test_a_refusal_is_named(calls: Path, script: str, message: str) -> None:
    systemctl(calls, script)

    with pytest.raises(SystemdError, match=message):
        show(["a.service"], ["A"], Deadline(5))


def test_a_call_that_hangs_ends_with_the_deadline(calls: Path) -> None:
    systemctl(calls, "exec sleep 60")
    began = time.monotonic()

    with pytest.raises(TimeoutError, match=r"systemctl show took longer than 0\.2 s"):
        show(["a.service"], ["A"], Deadline(0.2))
    assert time.monotonic() - began < 10


def test_a_host_without_systemctl_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemdError, match="this host has no systemctl"):
        show(["a.service"], ["A"], Deadline(5))


def test_a_restart_takes_the_limit_on_starts_away_first(calls: Path) -> None:
    systemctl(calls, 'case "$3" in reset-failed) exit 1;; esac')

    restart("-a.service", Deadline(5))

    assert [line.split(maxsplit=2)[2] for line in words(calls)] == [
        "reset-failed -- -a.service",
        "restart -- -a.service",
    ]


def test_a_refused_restart_says_why(calls: Path) -> None:
    systemctl(calls, "echo 'Job failed.' >&2; exit 1")

    with pytest.raises(SystemdError, match=r"Job failed\."):
        restart("a.service", Deadline(5))


def test_each_order_is_one_word(calls: Path) -> None:
    systemctl(calls, "echo LoadState=loaded")
    systemd.stop("a.service", Deadline(5))
    systemd.enable("a.timer", Deadline(5))
    systemd.disable("a.timer", Deadline(5))
    systemd.reload_files(Deadline(5))

    assert [line.removeprefix("--no-ask-password --no-pager ") for line in words(calls)] == [
        "show --property=LoadState -- a.service",
        "stop -- a.service",
        "enable --quiet -- a.timer",
        "disable --quiet -- a.timer",
        "daemon-reload",
    ]


def test_what_does_not_exist_is_stopped_already(calls: Path) -> None:
    systemctl(calls, "echo LoadState=not-found")
    systemd.stop("a.service", Deadline(5))

    assert len(words(calls)) == 1


@pytest.mark.parametrize("order", ["start", "stop", "enable", "disable", "text_of"])
def test_a_refused_order_says_which_and_why(calls: Path, order: str) -> None:
    systemctl(calls, 'case "$*" in *show*) echo LoadState=loaded;; *) echo no >&2; exit 1;; esac')

    with pytest.raises(SystemdError, match=r"systemctl cannot .* a.service: no"):
        getattr(systemd, order)("a.service", Deadline(5))
    with pytest.raises(SystemdError, match="is not the name of a unit"):
        getattr(systemd, order)("a*", Deadline(5))


def test_the_files_of_a_unit_are_given_as_they_are(calls: Path) -> None:
    systemctl(calls, "printf '# /etc/a.service\\n[Unit]\\n'")

    assert systemd.text_of("a.service", Deadline(5)) == "# /etc/a.service\n[Unit]\n"
