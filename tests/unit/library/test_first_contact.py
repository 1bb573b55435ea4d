# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is anybody there?"""

from __future__ import annotations

import socket

from upkeep.run import reachability as contact


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_one_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_port = server.getsockname()[1]
        assert contact.any_answers([("127.0.0.1", closed_port()), ("127.0.0.1", open_port)])


def test_silence_everywhere() -> None:
    assert not contact.any_answers([("127.0.0.1", closed_port()), ("host.invalid", 22)])


def test_nobody_to_ask_is_fine() -> None:
    assert contact.any_answers([])


def test_only_hosts_with_a_hint_are_asked() -> None:
    hosts = [
        {
            "inventory_hostname": "a",
            "unreachable_hint": "start it",
            "ansible_host": "127.0.0.1",
            "ansible_port": "2201",
        },
        {"inventory_hostname": "b", "unreachable_hint": "start it"},
        {"inventory_hostname": "c"},
    ]

    assert contact.addresses(hosts) == [("127.0.0.1", 2201), ("b", 22)]
