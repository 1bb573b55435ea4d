# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind unix_socket, against real sockets."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import typing as t
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"path": "/run/a"}

Observed = Callable[..., dict[str, Finding]]


def test_unix_sockets(observed: Observed, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        found = observed("unix_socket", path=path)["unix_socket:x"]

        assert (found["status"], "refused" in found["message"]) == ("critical", True), (
            "bound, but nobody listens"
        )

        server.listen(0)

        assert observed("unix_socket", path=path)["unix_socket:x"]["status"] == "ok"

    assert "is refused" in observed("unix_socket", path=path)["unix_socket:x"]["message"]

    Path(path).unlink()

    assert "does not exist" in observed("unix_socket", path=path)["unix_socket:x"]["message"]


def test_a_hung_unix_socket_is_critical_in_time(observed: Observed, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(path)
        server.listen(0)
        waiting.connect(path)
        found = observed("unix_socket", path=path, timeout=0.3)["unix_socket:x"]

    assert (found["status"], "no complete answer within 0.3 s" in found["message"]) == (
        "critical",
        True,
    )


def test_a_path_that_no_socket_can_have_says_nothing_about_the_service(
    observed: Observed, tmp_path: Path
) -> None:
    (tmp_path / "datagram").touch()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "d"))
        found = observed("unix_socket", path=str(tmp_path / "d"))["unix_socket:x"]

    assert found["status"] == "unknown"


def test_a_socket_of_others_that_may_not_be_used_is_unknown(observed: Observed) -> None:
    folder = Path(tempfile.mkdtemp(prefix="upkeep-socket-"))
    folder.chmod(0o755)
    own = os.geteuid()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen(1)
        (folder / "s").chmod(0o000)
        try:
            if own == 0:
                os.seteuid(65534)
            found = observed("unix_socket", path=str(folder / "s"))["unix_socket:x"]
        finally:
            os.seteuid(own)
            shutil.rmtree(folder)

    assert found["status"] == "unknown"
