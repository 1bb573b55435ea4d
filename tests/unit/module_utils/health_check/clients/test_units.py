# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd knows of the name of a unit, from a systemctl of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.health_check.clients.units import (
    full_name,
    is_socket_activated,
)

SYSTEMCTL = """#!/bin/sh
case "$6" in
redis|redis.service) printf 'Id=redis-server.service\\n';;
ssh.service) printf 'Id=ssh.service\\nTriggeredBy=ssh.socket\\n';;
backup.service) printf 'Id=backup.service\\nTriggeredBy=backup.timer\\n';;
*) printf 'Id=%s\\n' "$6";;
esac
"""


@pytest.fixture
def _systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("_systemctl")
@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("redis", "redis-server.service"),
        ("redis.service", "redis-server.service"),
        ("nginx.service", "nginx.service"),
    ],
)
def test_an_alias_has_the_name_of_its_unit(name: str, full: str) -> None:
    assert full_name(name, Deadline(10)) == full


@pytest.mark.usefixtures("_systemctl")
@pytest.mark.parametrize(
    ("name", "activated"),
    [("ssh.service", True), ("backup.service", False), ("nginx.service", False)],
)
def test_only_a_socket_activates_at_a_connection(name: str, activated: bool) -> None:
    assert is_socket_activated(name, Deadline(10)) is activated


def test_without_systemd_a_name_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert full_name("redis", Deadline(10)) == "redis"
    assert not is_socket_activated("redis", Deadline(10))
