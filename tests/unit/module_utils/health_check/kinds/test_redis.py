# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind redis, against a server of the test; the real one is met in the scenario health_check."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.kinds import redis
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.health_check.servers import (
    Handler,
    bulk,
    hung,
    redis_server,
    saying,
    trickling,
)

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {
    "info": [{"field": "used_memory", "warning": 9}, {"field": "hit_ratio"}]
}

Observed = Callable[..., dict[str, Finding]]


Listen = Callable[..., int]


SESAME = "p-one"


INFO = (
    "# Memory\r\nused_memory:1500\r\nused_memory_human:1.46K\r\n"
    "# Server\r\nrdb_last_bgsave_status:err\r\n"
)


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
    monkeypatch.setattr(counters.time, "clock_gettime", lambda _clock: at)
    port = listen(redis_server({**PONG, **said}, []))
    check = parse({"name": "x", "kind": "redis", "port": port, "info": FIGURES})
    lines = list(observe(check))
    found = {line["check"]: line for line in lines if "check" in line}

    figures = [one for name, one in found.items() if name != "redis:x"]

    assert [one["observed"] for one in figures] == [9e9, 42, 7, 94.7]
    assert [one["requirements"] for one in figures] == [
        ["R-fairedge-52"],
        ["R-fairedge-53"],
        ["R-fairedge-54"],
        ["R-fairedge-55"],
    ]
    assert found["redis:x.keys"]["message"] == "keys is 42 (db0: 12, db1: 30)"
    assert found["redis:x.used_memory"]["message"] == "used_memory is 9000000000"
    assert "since the server start" in found["redis:x.hit_ratio"]["message"]

    [memory] = [line["remember"] for line in lines if "remember" in line]

    for hits, misses, status, words in (
        (
            9050,
            650,
            "warning",
            "hit_ratio is 25 % (50 of 200 lookups found their key over the last 60 minutes)",
        ),
        (9100, 501, "ok", "100 of 101"),
        (
            9001,
            501,
            "info",
            "not enough lookups to judge (2 of 100)",
        ),
        (0, 0, "info", "not enough lookups to judge (0 of 100)"),
    ):
        at = 1000.0 + 3600
        port = listen(redis_server({**PONG, "INFO": bulk(USE.format(hits, misses))}, []))
        again = replace(
            parse({"name": "x", "kind": "redis", "port": port, "info": FIGURES[3:]}),
            previous=memory,
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
        (saying(b"220 mail ESMTP\r\n"), "is not Redis"),
        (saying(b"$99999999999\r\n"), "is not Redis"),
        (saying(b"$abc\r\n"), "is not Redis"),
        (saying(b"+PO"), "the connection was cut"),
        (trickling(b"+", b"x" * 65536, pause=0), "never ends"),
        (trickling(b"+"), "no complete answer within 2 s"),
        (hung, "no complete answer within 2 s"),
    ],
)
def test_sick_redis_is_critical(
    listen: Listen, observed: Observed, handler: Handler, words: str
) -> None:
    found = observed("redis", port=listen(handler), password=SESAME, timeout=2)
    assert (found["redis:x"]["status"], SESAME in str(found)) == ("critical", False), found
    assert words in found["redis:x"]["message"]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_0-9]+", fullmatch=True), st.from_regex(r"[ -9;-~]*", fullmatch=True)
    )
)
def test_info_survives_a_round_trip(fields: dict[str, str]) -> None:
    text = "# Heading\r\n" + "".join(f"{name}:{value}\r\n" for name, value in fields.items())
    assert redis.parse_info(text) == {name: value.rstrip() for name, value in fields.items()}


@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf", "1e999"])
def test_a_figure_that_is_not_a_number_is_unknown(
    listen: Listen, observed: Observed, value: str
) -> None:
    info = bulk(f"mem_fragmentation_ratio:{value}\r\n")
    port = listen(redis_server({**PONG, "INFO": info}, []))
    limits = [{"field": "mem_fragmentation_ratio", "warning": 1.5}]

    found = observed("redis", port=port, info=limits)["redis:x.mem_fragmentation_ratio"]

    assert found["status"] == "unknown"


@pytest.mark.parametrize(
    "refusal",
    [
        b"-NOPERM this user has no permissions to run the 'info' command\r\n",
        b"-ERR unknown command 'INFO', with args beginning with: \r\n",
    ],
)
def test_a_user_that_may_not_see_figures_does_not_make_redis_down(
    listen: Listen, observed: Observed, refusal: bytes
) -> None:
    port = listen(redis_server({**PONG, "INFO": refusal}, []))

    found = observed("redis", port=port, info=[{"field": "used_memory", "warning": 1}])

    assert found["redis:x"]["status"] == "ok"
    assert found["redis:x.used_memory"]["status"] == "unknown"


def test_redis_is_reached_by_tls(listen: Listen, observed: Observed, authority: t.Any) -> None:
    handler = redis_server(PONG, asked := [])
    port = listen(handler, authority.context("localhost", 60))
    options = {"host": "localhost", "port": port, "tls": True, "password": SESAME}

    trusted = observed("redis", **options, ca_file=str(authority.file))["redis:x"]
    unknown = observed("redis", **options)["redis:x"]
    unverified = observed("redis", **options, verify_tls=False)["redis:x"]

    assert trusted["status"] == "ok"
    assert unknown["status"] == "critical"
    assert "not trusted" in unknown["message"]
    assert unverified["status"] == "ok"
    assert [words[0] for words in asked] == ["AUTH", "PING"] * 2, "no password to a stranger"


def test_redis_of_another_name_gets_no_password(
    listen: Listen, observed: Observed, authority: t.Any
) -> None:
    port = listen(redis_server(PONG, asked := []), authority.context("other.example.org", 60))

    found = observed(
        "redis",
        host="localhost",
        port=port,
        tls=True,
        ca_file=str(authority.file),
        password=SESAME,
    )["redis:x"]

    assert found["status"] == "critical"
    assert asked == []
