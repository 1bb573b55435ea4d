# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind celery; a real broker and workers are met in the scenario health_check."""

from __future__ import annotations

import contextlib
import sys
import typing as t
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
from ansible.module_utils.upkeep.base.broker import whole_waits
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.health_check.servers import (
    bulk,
    redis_server,
)

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {
    "broker": "redis://127.0.0.1/0",
    "queues": [{"name": "q", "warning": 9}],
}

Observed = Callable[..., dict[str, Finding]]


Listen = Callable[..., int]


INFO = (
    "# Memory\r\nused_memory:1500\r\nused_memory_human:1.46K\r\n"
    "# Server\r\nrdb_last_bgsave_status:err\r\n"
)


PONG = {"PING": b"+PONG\r\n", "INFO": bulk(INFO), "LLEN": b":7\r\n"}


class FakeMailbox:
    """Stands for kombu.pidbox.Mailbox, which takes a new name in each process."""

    @property
    def oid(self) -> str:
        return "any"


class FakeCelery:
    """Stands for celery.Celery: some workers answer."""

    workers = 0
    seen: t.ClassVar[dict[str, t.Any]] = {}

    def __init__(self, broker: str, set_as_current: bool) -> None:
        self.seen.update(broker=broker)
        self.control = self
        self.mailbox = FakeMailbox()

    @contextlib.contextmanager
    def connection_for_write(self, url: str) -> t.Iterator[t.Any]:
        self.seen.update(connected=url)
        yield SimpleNamespace(default_channel=None)

    def ping(self, timeout: float, limit: int, connection: t.Any) -> list[dict[str, t.Any]]:
        self.seen.update(timeout=timeout, limit=limit, oid=self.mailbox.oid)
        return [{f"worker{n}": {"ok": "pong"}} for n in range(min(self.workers, limit))]

    def close(self) -> None:
        self.seen.update(closed=True)


@pytest.mark.requirement("R-fairedge-66")
@pytest.mark.parametrize(
    ("workers", "status"), [(0, "critical"), (1, "critical"), (2, "ok"), (5, "ok")]
)
def test_workers_and_queues(
    listen: Listen, observed: Observed, monkeypatch: pytest.MonkeyPatch, workers: int, status: str
) -> None:
    monkeypatch.setitem(
        sys.modules, "celery", t.cast(ModuleType, SimpleNamespace(Celery=FakeCelery))
    )
    monkeypatch.setattr(FakeCelery, "workers", workers)
    port = listen(redis_server(PONG, asked := []))
    broker = f"redis://u:p%2Dtwo@127.0.0.1:{port}/2"
    found = observed(
        "celery",
        broker=broker,
        min_workers=2,
        queues=[{"name": "celery", "warning": 5, "critical": 50}],
    )

    assert found["celery:x"]["status"] == status
    assert found["celery:x"]["observed"] == min(workers, 2)
    assert found["celery:x.queue_celery"]["status"] == "warning"
    assert found["celery:x.queue_celery"]["observed"] == 28
    assert asked[:3] == [["AUTH", "u", "p-two"], ["SELECT", "2"], ["PING"]]
    assert asked[3:] == [
        ["LLEN", "celery"],
        ["LLEN", "celery\x06\x163"],
        ["LLEN", "celery\x06\x166"],
        ["LLEN", "celery\x06\x169"],
    ]
    assert FakeCelery.seen["connected"] == broker, "not the broker of the environment"
    assert FakeCelery.seen["oid"].startswith("upkeep-"), "names of their own stay in the broker"
    assert FakeCelery.seen["limit"] == 2
    assert FakeCelery.seen["timeout"] < 9.6, (
        "the wait for workers ends before the check's own limit"
    )
    assert FakeCelery.seen["closed"]


def test_queue_of_another_type_and_refused_login_are_critical(
    listen: Listen, observed: Observed
) -> None:
    port = listen(redis_server({**PONG, "LLEN": b"-WRONGTYPE not a list\r\n"}, []))
    found = observed("celery", broker=f"redis://127.0.0.1:{port}", queues=[{"name": "celery"}])[
        "celery:x"
    ]

    assert (found["status"], "WRONGTYPE" in found["message"]) == ("critical", True)

    port = listen(redis_server({"PING": b"-NOAUTH Authentication required.\r\n"}, []))

    assert (
        "asks for a password"
        in observed("celery", broker=f"redis://127.0.0.1:{port}")["celery:x"]["message"]
    )


@pytest.mark.parametrize("kind", ["celery", "postgresql"])
def test_a_missing_driver_is_unknown_and_names_the_package(
    listen: Listen, observed: Observed, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    options = {
        "celery": {"broker": f"redis://127.0.0.1:{listen(redis_server(PONG, []))}"},
        "postgresql": {"database": "x"},
    }
    driver = {"celery": "celery", "postgresql": "psycopg2"}[kind]
    monkeypatch.setitem(sys.modules, driver, None)
    found = observed(kind, **options[kind])[f"{kind}:x"]

    assert (found["status"], f"install the package python3-{driver}" in found["message"]) == (
        "unknown",
        True,
    )


@pytest.mark.parametrize(("seconds", "expected"), [(0.7, 0.7), (1.0, 0.8), (1.9, 0.8), (9.5, 8.8)])
def test_a_ping_ends_within_its_time_though_the_driver_counts_whole_seconds(
    seconds: float, expected: float
) -> None:
    assert whole_waits(seconds) == pytest.approx(expected)


def test_a_driver_that_takes_all_the_time_is_not_a_service_that_hangs(
    listen: Listen, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "celery", t.cast(ModuleType, SimpleNamespace(Celery=FakeCelery))
    )
    port = listen(redis_server(PONG, []))

    found = observed("celery", broker=f"redis://127.0.0.1:{port}", timeout=0.9)["celery:x"]

    assert found["status"] == "unknown"
    assert "raise timeout" in found["message"]
