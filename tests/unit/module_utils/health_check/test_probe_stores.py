# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds that speak with PostgreSQL, Redis and Celery.

The real ones are met in the scenario health_check, a real PostgreSQL also in
test_postgresql_probe.py.
"""

from __future__ import annotations

import decimal
import socket
import sys
import threading
import typing as t
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters as since
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.kinds import redis
from ansible.module_utils.upkeep.health_check.plan import parse
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.servers import Handler, hung, saying, trickling

Observed = Callable[..., dict[str, Finding]]
Listen = Callable[..., int]
SESAME = "p-one"
INFO = "# Memory\r\nused_memory:1500\r\nused_memory_human:1.46K\r\n# Server\r\nrdb_last_bgsave_status:err\r\n"


def redis_server(replies: dict[str, bytes], asked: list[list[str]]) -> Handler:
    """Return a handler that answers commands by their first word, and notes them."""

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        with connection.makefile("rb") as stream:
            while head := stream.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2].decode())

                asked.append(words)
                connection.sendall(replies.get(words[0], b"+OK\r\n"))

    return handler


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


PONG = {"PING": b"+PONG\r\n", "INFO": bulk(INFO), "LLEN": b":7\r\n"}


@pytest.mark.requirement("R-fairedge-51")
def test_redis_answers_and_its_figures_are_judged(listen: Listen, observed: Observed) -> None:
    port = listen(redis_server(PONG, asked := []))
    limits = [
        {"field": "used_memory", "warning": 1000, "critical": 2000},
        {"field": "used_memory_human", "warning": 1},
        {"field": "rdb_last_bgsave_status", "equals": "ok"},
        {"field": "connected_clients", "warning": 1, "worse": "below"},
    ]
    found = observed("redis", port=port, db=3, username="probe", password=SESAME, info=limits)

    assert {name: finding["status"] for name, finding in found.items()} == {
        "redis:x": "ok",
        "redis:x.used_memory": "warning",
        "redis:x.used_memory_human": "unknown",
        "redis:x.rdb_last_bgsave_status": "critical",
        "redis:x.connected_clients": "unknown",
    }
    assert asked == [["AUTH", "probe", SESAME], ["SELECT", "3"], ["PING"], ["INFO"]]


USE: t.Final = (
    "used_memory:9000000000\r\nconnected_clients:7\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n"
    "db0:keys=12,expires=3,avg_ttl=0\r\ndb1:keys=30,expires=30,avg_ttl=9\r\n"
)
FIGURES: t.Final = [
    {"field": "used_memory", "requirements": ["R-fairedge-52"]},
    {"field": "keys", "requirements": ["R-fairedge-53"]},
    {"field": "connected_clients", "requirements": ["R-fairedge-54"]},
    {"field": "hit_ratio", "warning": 90, "worse": "below", "requirements": ["R-fairedge-55"]},
]


@pytest.mark.requirement(
    "R-fairedge-52", "R-fairedge-53", "R-fairedge-54", "R-fairedge-55", "R-fairedge-132"
)
def test_what_redis_is_used_for_is_told_each_for_its_own_requirement(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, said = 1000.0, {"INFO": bulk(USE.format(9000, 500))}
    monkeypatch.setattr(since.time, "clock_gettime", lambda _clock: at)
    port = listen(redis_server({**PONG, **said}, []))
    check = parse({"name": "x", "kind": "redis", "port": port, "info": FIGURES})
    lines = list(observe(check))
    found = {line["check"]: line for line in lines if "check" in line}

    assert [(one["observed"], one["requirements"]) for name, one in found.items() if name != "redis:x"] == [
        (9e9, ["R-fairedge-52"]), (42, ["R-fairedge-53"]), (7, ["R-fairedge-54"]), (94.7, ["R-fairedge-55"]),
    ]  # fmt: skip
    assert found["redis:x.keys"]["message"] == "keys is 42 (db0: 12, db1: 30)"
    assert found["redis:x.used_memory"]["message"] == "used_memory is 9000000000"
    assert "since the server started" in found["redis:x.hit_ratio"]["message"]

    [memory] = [line["remember"] for line in lines if "remember" in line]

    for hits, misses, status, words in (
        (
            9050,
            650,
            "warning",
            "hit_ratio is 25 % (50 of 200 lookups found their key in the last 60 minutes)",
        ),
        (9100, 501, "ok", "100 of 101"),
        (
            9001,
            501,
            "info",
            "1 of 2 lookups found their key in the last 60 minutes: too few to judge",
        ),
        (0, 0, "info", "0 of 0 lookups found their key since the server started: too few"),
    ):
        at = 1000.0 + 3600
        port = listen(redis_server({**PONG, "INFO": bulk(USE.format(hits, misses))}, []))
        again = replace(
            parse({"name": "x", "kind": "redis", "port": port, "info": FIGURES[3:]}), before=memory
        )
        ratio = next(line for line in observe(again) if line.get("check") == "redis:x.hit_ratio")

        assert (ratio["status"], words in ratio["message"]) == (status, True), ratio


@pytest.mark.requirement("R-fairedge-53", "R-fairedge-55")
def test_figures_that_redis_does_not_give_are_unknown(listen: Listen, observed: Observed) -> None:
    port = listen(redis_server({**PONG, "INFO": bulk("")}, []))
    found = observed("redis", port=port, info=FIGURES)

    assert {one["status"] for name, one in found.items() if name != "redis:x"} == {"unknown"}

    port = listen(redis_server({**PONG, "INFO": bulk(INFO)}, []))

    assert observed("redis", port=port, info=FIGURES[1:2])["redis:x.keys"]["observed"] == 0, (
        "an empty one has none"
    )


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (
            redis_server({"PING": b"-NOAUTH Authentication required.\r\n"}, []),
            "Redis asks for a password",
        ),
        (
            redis_server({"AUTH": b"-WRONGPASS invalid p-one\r\n"}, []),
            "does not accept this user and password",
        ),
        (redis_server({"PING": b"-LOADING Redis is loading\r\n"}, []), "still loading"),
        (
            redis_server({"AUTH": b"-ERR what is p-one?\r\n"}, []),
            "Redis refuses: ERR what is ********?",
        ),
        (redis_server({"PING": b":1\r\n"}, []), "but not as Redis does"),
        (saying(b"220 mail ESMTP\r\n"), "it is not Redis"),
        (saying(b"$99999999999\r\n"), "it is not Redis"),
        (saying(b"$abc\r\n"), "it is not Redis"),
        (saying(b"+PO"), "the connection was cut"),
        (trickling(b"+", b"x" * 65536, pause=0), "without end"),
        (trickling(b"+"), "no complete answer within 0.5 s"),
        (hung, "no complete answer within 0.5 s"),
    ],
)
def test_sick_redis_is_critical(
    listen: Listen, observed: Observed, handler: Handler, words: str
) -> None:
    found = observed("redis", port=listen(handler), password=SESAME, timeout=0.5)
    assert (found["redis:x"]["status"], SESAME in str(found)) == ("critical", False), found
    assert words in found["redis:x"]["message"]


def test_nothing_listens(observed: Observed, closed_port: int) -> None:
    for kind, options in {"redis": {}, "tcp": {}}.items():
        found = observed(kind, port=closed_port, **options)[f"{kind}:x"]
        assert (
            found["status"],
            f"127.0.0.1:{closed_port}: the connection is refused" in found["message"],
        ) == (
            "critical",
            True,
        )


def test_tcp_port_that_accepts_is_ok(listen: Listen, observed: Observed) -> None:
    assert observed("tcp", port=listen(hung))["tcp:x"]["status"] == "ok"


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_0-9]+", fullmatch=True), st.from_regex(r"[ -9;-~]*", fullmatch=True)
    )
)
def test_info_survives_a_round_trip(fields: dict[str, str]) -> None:
    text = "# Heading\r\n" + "".join(f"{name}:{value}\r\n" for name, value in fields.items())
    assert redis.parse_info(text) == {name: value.rstrip() for name, value in fields.items()}


class FakeCelery:
    """Stands for celery.Celery: some workers answer."""

    workers = 0
    seen: t.ClassVar[dict[str, t.Any]] = {}

    def __init__(self, broker: str, set_as_current: bool) -> None:
        self.seen.update(broker=broker)
        self.control = self

    def ping(self, timeout: float, limit: int) -> list[dict[str, t.Any]]:
        self.seen.update(timeout=timeout, limit=limit)
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
    assert (
        found["celery:x.queue_celery"]["status"],
        found["celery:x.queue_celery"]["observed"],
    ) == ("warning", 7)
    assert asked == [["AUTH", "u", "p-two"], ["SELECT", "2"], ["PING"], ["LLEN", "celery"]]
    assert FakeCelery.seen["limit"] == 2
    assert FakeCelery.seen["timeout"] < 2, "the wait for workers ends before the check's own limit"
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


class FakeDriver(ModuleType):
    """Stands for psycopg2: one connection that answers ``rows``, or fails with ``error``."""

    class Error(Exception):
        """As the driver's."""

    def __init__(self, rows: list[tuple[t.Any, ...]], error: str = "") -> None:
        super().__init__("psycopg2")
        self.rows, self.error = rows, error
        self.log: list[t.Any] = []

    def connect(self, **options: t.Any) -> FakeDriver:
        self.log.append(options)
        if self.error:
            raise self.Error(self.error)
        return self

    def set_session(self, readonly: bool) -> None:
        self.log.append(("readonly", readonly))

    def cursor(self) -> FakeDriver:
        return self

    def __enter__(self) -> FakeDriver:
        return self

    def __exit__(self, *_details: object) -> None:
        self.log.append("cursor closed")

    def execute(self, statement: str, values: tuple[t.Any, ...] = ()) -> None:
        self.log.append((statement, values))

    def fetchmany(self, _size: int) -> list[tuple[t.Any, ...]]:
        return self.rows

    def close(self) -> None:
        self.log.append("closed")


@pytest.mark.requirement("R-hyperopt-03", "R-fairedge-17")
@pytest.mark.parametrize(
    ("rows", "expect", "status", "observed_value"),
    [
        ([(12,)], {"at_least": 10}, "ok", 12),
        ([(decimal.Decimal("9.5"),)], {"at_least": 10}, "critical", 9.5),
        ([(9,)], {"at_least": 10, "severity": "warning"}, "warning", 9),
        ([(None,)], {"at_least": 10}, "critical", None),
        ([("on",)], {"equals": "on"}, "ok", "on"),
        ([(1,)], None, "ok", 1),
        ([], None, "critical", None),
        ([(1,), (2,)], {"at_least": 1}, "critical", None),
    ],
)
def test_the_answer_of_the_database_is_judged(
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[t.Any, ...]],
    expect: dict[str, t.Any] | None,
    status: str,
    observed_value: t.Any,
) -> None:
    driver = FakeDriver(rows)
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    options = {"expect": expect} if expect else {}
    found = observed("postgresql", database="shop", query="SELECT count(*) FROM items", **options)[
        "postgresql:x"
    ]

    assert (found["status"], found["observed"]) == (status, observed_value), found
    assert driver.log[0] == {"dbname": "shop", "connect_timeout": 2, "application_name": "upkeep"}
    assert driver.log[1] == ("readonly", True)
    assert driver.log[2][0] == "SET LOCAL statement_timeout = %s"
    assert 0 < driver.log[2][1][0] <= 2000
    assert driver.log[3] == ("SELECT count(*) FROM items", ())
    assert driver.log[-1] == "closed"


def test_the_database_that_fails_is_critical_and_keeps_its_secret(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", FakeDriver([], "FATAL: no way\n  in with p-one"))
    found = observed("postgresql", database="shop", password=SESAME, latency={"warning_ms": 1})
    assert list(found) == ["postgresql:x"], "the time of a failure is no figure of the database"
    assert found["postgresql:x"]["status"] == "critical"
    assert found["postgresql:x"]["message"] == "database shop: FATAL: no way in with ********"


def test_a_slow_database_is_a_warning_of_its_own(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", FakeDriver([(1,)]))
    found = observed("postgresql", database="shop", latency={"warning_ms": -1, "samples": 3})

    assert (found["postgresql:x"]["status"], found["postgresql:x.latency"]["status"]) == (
        "ok",
        "warning",
    )
    assert found["postgresql:x.latency"]["message"].startswith("3 answers: p50")
