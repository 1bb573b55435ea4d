# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections of a listener are counted by its path, also those that wait to be accepted."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path

from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.switching.draining import connections, drain


def listening(folder: str) -> tuple[socket.socket, str]:
    """Return a listener and its path."""
    made, path = socket.socket(socket.AF_UNIX), str(Path(folder) / "a.sock")
    made.bind(path)
    made.listen(5)

    return made, path


def test_waiting_and_accepted_connections_count_and_closed_ones_do_not() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listener, path = listening(folder)
        with listener, socket.socket(socket.AF_UNIX) as client:
            assert connections(path) == 0
            client.connect(path)
            assert connections(path) == 1
            accepted, _ = listener.accept()
            assert connections(path) == 1
            accepted.close()
            assert connections(path) == 0


def test_what_does_not_end_is_counted_when_time_is_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listener, path = listening(folder)
        with listener, socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert drain(path, Deadline(0.2)) == 1


def test_it_waits_for_the_last_one() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listener, path = listening(folder)
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        accepted, _ = listener.accept()
        later = threading.Timer(0.3, accepted.close)
        later.start()

        assert drain(path, Deadline(20)) == 0

        later.join()
        client.close()
        listener.close()
