# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A broken service keeps every change away from its system; once it is back, changes pass."""

from __future__ import annotations

import typing as t


def test_nothing_was_changed_while_the_service_was_down(
    host: t.Any, findings: list[dict[str, t.Any]]
) -> None:
    gate = [f for f in findings if f["check"] == "gate:change"]
    assert [f["status"] for f in gate] == ["critical"]
    assert "unit:nginx" in gate[0]["message"]
    assert not host.file("/root/changed").exists


def test_the_gate_opens_once_the_service_is_back(host: t.Any, play: t.Callable[..., t.Any]) -> None:
    host.check_output("systemctl start nginx.service")
    done = play("converge", retry_until=lambda: host.file("/root/changed").exists)
    assert done.returncode == 0
    assert host.file("/root/changed").exists
