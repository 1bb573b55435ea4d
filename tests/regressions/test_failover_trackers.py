# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users of failover drills, health checks and systemd ran into, tried on ours.

Each test names the threads of which it plays the input.
"""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.failover_test.client import ask
from ansible.module_utils.upkeep.failover_test.run import run
from ansible.module_utils.upkeep.failover_test.settings import parse

from tests.unit.module_utils.failover_test.conftest import TIMER, UNIT, Pair, pair, serve

__all__ = ["pair"]

SOCKET: t.Final = "shop-api.socket"
WORKER: t.Final = "shop-worker.service"
ACTIVE: t.Final = {"ActiveState": "active"}


def drill(pair: Pair, *, check: bool = False, **more: t.Any) -> dict[str, t.Any]:
    """Return what the module answers, and its first finding under ``found``."""
    options = {"take_over_seconds": 0.5, **more}
    values = {
        "services": [pair.options(**options)],
        "state": "tested",
        "state_file": str(pair.folder / "state.json"),
    }
    answer = run(parse(values), check)

    return {**answer, "found": answer["findings"][0]}


@pytest.fixture
def endless(pair: Pair) -> Iterator[str]:
    """Return the address of a server whose answers drip and never end."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not over.wait(0.05):
                accepted.sendall(b"1\r\nx\r\n")

    thread = threading.Thread(target=_until_cut, args=(drip,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    thread.join()
    listener.close()


def _until_cut(drip: t.Callable[[], None]) -> None:
    try:
        drip()
    except OSError:
        return


def test_a_unit_with_a_socket_is_not_started_by_the_next_client(pair: Pair) -> None:
    """moby/moby#37470, docker/docker-ce-packaging#441: the socket started it again at once."""
    pair.properties = {UNIT: {"TriggeredBy": SOCKET}, SOCKET: ACTIVE}

    assert drill(pair)["done"] is True
    assert pair.calls[1:-1] == [
        f"stop {SOCKET}",
        f"stop {UNIT}",
        f"start {SOCKET}",
        f"start {UNIT}",
    ]


def test_what_stops_with_the_unit_is_started_again(pair: Pair) -> None:
    """pgsty/pigsty#85: stopping one service stopped another that requires it."""
    pair.properties = {
        UNIT: {"RequiredBy": f"{WORKER} shop-old.service"},
        WORKER: {**ACTIVE, "BoundBy": f"shop-beat.service {UNIT}"},
        "shop-beat.service": ACTIVE,
    }
    written: list[str] = []
    order = pair.order

    def noted(verb: str, unit: str) -> None:
        if unit == TIMER and verb == "restart":
            guard = pair.folder / "run" / TIMER.replace(".timer", ".service")
            written.append(guard.read_text())
        order(verb, unit)

    pair.order = noted  # type: ignore[method-assign]
    assert drill(pair)["done"] is True

    assert [call for call in pair.calls if call.startswith("start")] == [
        f"start {UNIT}",
        f"start {WORKER}",
        "start shop-beat.service",
    ]
    assert f"systemctl start {UNIT} {WORKER} shop-beat.service\n" in written[0]


def test_one_that_comes_back_by_itself_shows_nothing(pair: Pair) -> None:
    """projectcalico/felix#699: something else had started again what the test had ended."""
    order = pair.order

    def revived(verb: str, unit: str) -> None:
        order(verb, unit)
        if (verb, unit) == ("stop", UNIT):
            pair.comes_back = False
            pair.first = serve(int(pair.address.rpartition(":")[2]))

    pair.order = revived  # type: ignore[method-assign]
    answer = drill(pair)

    assert answer["done"] is False
    assert "answered again while it was stopped" in answer["found"]["message"]


def test_an_answer_that_never_ends_is_none(pair: Pair, endless: str) -> None:
    """scality/cloudserver#354, spray/spray-can#10: a limit for each piece is none for the whole."""
    began = time.monotonic()

    problem = ask(pair.service(timeout=0.5), endless)

    assert problem == "its answer does not end within 0.5 s"
    assert time.monotonic() - began < 10


def test_a_name_with_an_address_where_nobody_listens_is_reached(pair: Pair) -> None:
    """wallabag/docker#407, wollomatic/socket-proxy#79: localhost was ::1, and that was all."""
    assert ask(pair.service(), f"localhost:{pair.second.address.rpartition(':')[2]}") == ""


def test_no_proxy_of_the_environment_is_asked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """AgentFlocks/flocks#158: a check of the host itself went through HTTP_PROXY."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert ask(pair.service(), pair.second.address) == ""


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirection_is_not_followed_and_is_no_answer(pair: Pair, status: int) -> None:
    """uber-archive/hacheck#35, kubernetes/ingress-gce#1768: a page to sign in counted as well."""
    pair.second.status = status

    assert ask(pair.service(), pair.second.address) == f"it answers {status}"


def test_what_was_never_stopped_is_not_started(pair: Pair) -> None:
    """chaostoolkit/chaostoolkit#168: the way back was gone although the test never began."""
    pair.second.status = 500

    assert drill(pair)["done"] is False
    assert pair.calls == []


def test_a_way_back_that_fails_is_no_success(pair: Pair) -> None:
    """chaostoolkit/chaostoolkit-lib#94: somebody took over, and the first one stayed down."""
    pair.comes_back = False

    answer = drill(pair, start_seconds=0.3)

    assert answer["done"] is False
    assert answer["found"]["message"].startswith("A person must step in")


def test_a_unit_that_cannot_be_started_is_no_success(pair: Pair) -> None:
    """systemd/systemd#4708: the unit was masked meanwhile."""
    pair.refused.add(f"start {UNIT}")

    answer = drill(pair, start_seconds=0.3)

    assert answer["done"] is False
    assert f"cannot start {UNIT}" in answer["found"]["message"]
    assert f"stop {TIMER}" not in pair.calls


def test_a_step_that_fails_leaves_nothing_stopped(pair: Pair) -> None:
    """chaostoolkit/chaostoolkit#195 and #258: an error in between left out the way back."""
    pair.refused.add(f"stop {UNIT}")
    pair.comes_back = False
    pair.properties = {UNIT: {"TriggeredBy": SOCKET}, SOCKET: ACTIVE}

    answer = drill(pair)

    assert "it was not tested" in answer["found"]["message"]
    assert f"start {SOCKET}" in pair.calls
    assert f"start {UNIT}" in pair.calls


def test_a_check_says_what_would_keep_the_test_from_being_made(pair: Pair) -> None:
    """EnterpriseDB/repmgr#503: --dry-run was fine, and the run left the service down."""
    assert drill(pair, check=True)["found"]["status"] == "info"

    pair.second.status = 500
    answer = drill(pair, check=True)

    assert answer["done"] is False
    assert answer["changed"] is False
    assert "it could not be tested: " in answer["found"]["message"]
    assert pair.calls == []
