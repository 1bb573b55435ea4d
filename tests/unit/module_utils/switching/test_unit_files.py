# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unit files: what they say, and that nothing of a profile leads systemd astray."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.switching import unit_files
from ansible.module_utils.upkeep.switching.releases import Release

from tests.unit.module_utils.switching.conftest import Service

UNIT_TEXT = """# /etc/systemd/system/shop-api.service
[Service]
User=shop
Sockets=other.socket
ExecStart=/usr/bin/old
# /etc/systemd/system/shop-api.service.d/50-upkeep-release.conf
[Service]
Sockets=shop-api.socket
ExecStart=
ExecStart=/releases/1/run
# /etc/systemd/system/shop-api.service.d/90-memory.conf
[Service]
MemoryMax=1G
"""


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", '"plain"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("two\nlines", '"two lines"'),
    ],
)
def test_a_word_stays_one_word(word: str, written: str) -> None:
    assert unit_files.quoted(word) == written


def test_the_release_that_was_found_changes_nothing() -> None:
    assert "[Service]" not in unit_files.drop_in("/x", [], {"A": "b"}, ["x.socket"])


def test_the_second_unit_has_all_but_sockets_and_the_release_of_the_first(
    service: Service,
) -> None:
    release = unit_files.drop_in("/releases/2/code", ["/releases/2/run"], {}, ["shop-api.socket"])

    text = unit_files.next_unit(service.server(), UNIT_TEXT, release)

    assert "Sockets=" not in text
    assert "/releases/1/" not in text
    assert "User=shop" in text
    assert "MemoryMax=1G" in text
    assert 'ExecStart="/releases/2/run"' in text
    assert text.index("Restart=no") > text.index("MemoryMax")


FOUND_ONE: t.Final = Release("0", takes_socket=False)


def test_the_way_back_from_the_first_release_gives_the_socket_up(service: Service) -> None:
    steps = unit_files.undo_steps(service.server(), [], "/r", FOUND_ONE, Release("1"))

    stopped = next(step for step in steps if step[:3] == ["-", "/usr/bin/systemctl", "stop"])
    assert "shop-api.socket" in stopped
    assert "shop-api.service" in stopped


def test_the_way_back_starts_workers_that_systemd_has_given_up_on(service: Service) -> None:
    """A release whose workers crash uses up their starts: systemd refuses the next one."""
    both = (Release("1"), Release("2"))
    steps = unit_files.undo_steps(service.server(), ["shop-worker.service"], "/r", *both)

    forgotten = next(step for step in steps if "reset-failed" in step)
    again = ["-", "/usr/bin/systemctl", "restart", "shop-worker.service"]
    assert "shop-worker.service" in forgotten
    assert steps.index(forgotten) < steps.index(again)


def test_the_way_back_between_two_beside_each_other_spares_the_one_that_runs(
    service: Service,
) -> None:
    both = (Release("1", strategy="blue_green"), Release("2", strategy="blue_green"))
    steps = unit_files.undo_steps(service.server("blue_green"), [], "/r", *both)

    assert ["/usr/bin/systemctl", "restart", "shop-api.service"] not in steps
    script = next(step[2] for step in steps if step[0] == "/bin/sh")
    assert '"^UPKEEP_RELEASE=1$$\\"' in script
    linked = [step for step in steps if step[0] == "/usr/bin/ln"]
    assert linked[1][2] == "shop-api-own.sock"


def test_a_release_that_serves_otherwise_has_other_sockets(service: Service) -> None:
    server = service.server("blue_green")

    assert unit_files.layout(server, FOUND_ONE) == []
    assert unit_files.layout(server, Release("1")) == ["shop-api.socket"]
    assert unit_files.layout(server, Release("2", strategy="blue_green")) == [
        "shop-api-front.socket",
        "shop-api-own.socket",
    ]
    assert not unit_files.are_bridged(server, Release("1"), Release("2", strategy="blue_green"))


def test_the_proxy_has_no_rights(service: Service) -> None:
    text = unit_files.front_service(service.server("blue_green"), "shop")

    assert "User=shop\n" in text
    assert "CapabilityBoundingSet=\n" in text
    assert "NoNewPrivileges=yes\n" in text


def test_the_proxy_starts_where_systemd_may_not_filter_system_calls(service: Service) -> None:
    """systemd 257 in a container: "Failed to keep CAP_SYS_ADMIN", and nobody was served."""
    text = unit_files.front_service(service.server("blue_green"), "shop")

    assert not re.search(r"^(Restrict|SystemCall|Protect|Private|MemoryDeny|Lock)", text, re.M)


def test_systemd_does_not_wait_for_the_proxy_which_never_says_that_it_is_ready(
    service: Service,
) -> None:
    assert "\nType=exec\n" in unit_files.front_service(service.server("blue_green"), "shop")


def test_the_way_back_runs_only_while_a_switch_is_begun(service: Service) -> None:
    text = unit_files.undo_service(service.server(), "/r", "1", [["/usr/bin/true"]], 60)

    assert "ConditionPathExists=/r/switching" in text


def test_the_way_back_has_the_time_that_its_units_may_take(service: Service) -> None:
    """systemd would end it in the middle, with the link back and the release before stopped."""
    server = replace(service.server(), start_seconds=400, drain_seconds=900)

    seconds = unit_files.undo_seconds(server, 3600)

    assert seconds >= 400 + 900 + 3600
    assert f"TimeoutStartSec={seconds:.0f}\n" in unit_files.undo_service(
        server, "/r", "1", [["/usr/bin/true"]], seconds
    )


def test_the_way_back_is_taken_at_once_when_the_host_boots_meanwhile(service: Service) -> None:
    """Who would have confirmed is gone, and the time of the timer begins anew at a boot."""
    server = service.server()

    text = unit_files.undo_service(server, "/r", "1", [["/usr/bin/true"]], 60)

    assert "\nWantedBy=multi-user.target\n" in text
    assert f"\nAfter={server.unit}\n" in text, "it would restart what systemd is starting"
    assert f"\nAlso={server.undo_unit}\n" in unit_files.undo_timer(server, 60)
