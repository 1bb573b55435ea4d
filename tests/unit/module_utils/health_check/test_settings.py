# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a profile's values to checks: every mistake is named."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.attempt import cleaned
from ansible.module_utils.upkeep.health_check.check import CheckError
from ansible.module_utils.upkeep.health_check.kinds import KINDS
from ansible.module_utils.upkeep.health_check.settings import (
    due,
    parse,
    parse_checks,
    secrets_of,
)

from tests.unit.module_utils.health_check.checks import parse as check_of
from tools import PROJECT, profiles

HTTP: t.Final = {"name": "api", "kind": "http", "url": "http://127.0.0.1/"}
TCP: t.Final = {"name": "port", "kind": "tcp", "port": 80}
REDIS: t.Final = {"name": "d", "kind": "redis"}
CELERY: t.Final = {"name": "d", "kind": "celery"}
METRICS: t.Final = {"name": "d", "kind": "metrics", "url": "http://a/metrics"}
DATABASE: t.Final = {"name": "d", "kind": "postgresql", "database": "x"}
DISKS: t.Final = {"name": "d", "kind": "filesystem"}
REPLICATION: t.Final = {"name": "d", "kind": "replication", "database": "d"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"name": "api", "kind": "htp"}, "checks 'api'.kind is 'htp'; did you mean 'http'?"),
        ({"name": "api"}, "checks 'api': 'kind' is missing"),
        ("api", "checks[1] is 'api'; it must be a mapping"),
        ({"kind": "memory"}, "checks[1] (memory): 'name' is missing"),
        (
            {**HTTP, "urll": 1},
            "checks 'api' (http): 'urll' is not a known name; did you mean 'url'?",
        ),
        (
            {**TCP, "url": "http://a/"},
            "checks 'port' (tcp): 'url' is not a known name; known are: ",
        ),
        ({"name": "api", "kind": "http"}, "checks 'api' (http): 'url' is missing"),
        ({**HTTP, "timeout": "soon"}, "checks 'api' (http).timeout is 'soon'; it must be a number"),
        ({**HTTP, "timeout": 0}, "timeout is 0; above 0"),
        ({**HTTP, "timeout": 31}, "timeout is 31; at most 30, the limit of all checks together"),
        ({**HTTP, "timeout": float("nan")}, "timeout is nan; it must be a finite number"),
        ({**HTTP, "attempts": 0}, "attempts is 0; from 1 to 100"),
        ({**HTTP, "name": "a b"}, "name is 'a b'; it must match"),
        ({**HTTP, "cadences": []}, "cadences is empty; name at least 1, or it would never be"),
        ({**HTTP, "cadences": ["weekly", "dayly"]}, "'dayly'; did you mean 'daily'?"),
        ({**HTTP, "requirements": ["R1"]}, "requirements[0] is 'R1'"),
        ({**HTTP, "json": [{"path": "a", "equal": 1}]}, "json[0]: 'equal' is not a known name"),
        ({**HTTP, "json": [{"path": "a"}]}, "a condition needs one of equals"),
        ({**HTTP, "latency": {"warnig_ms": 3}}, "latency: 'warnig_ms' is not a known name"),
        ({**HTTP, "latency": {"samples": 0}}, "latency.samples is 0; from 1 to 1000"),
        ({**HTTP, "latency": {"minimum": 2}}, "latency.minimum is 2; at most 1"),
        ({**HTTP, "body_regex": "("}, "'(' is not a regular expression"),
        ({**HTTP, "tls_expiry": {}}, "checks 'api' (http).tls_expiry is empty"),
        ({**HTTP, "tls_expiry": {"warning_days": 9}}, "tls_expiry needs an https url"),
        ({**HTTP, "url": "ftp://example.org"}, "url must start with http"),
        ({**HTTP, "url": "http://me:word@example.org/"}, "url must not hold a user or password"),
        ({**HTTP, "url": "http://127.0.0.1:no/"}, "checks 'api' (http): Port could not be cast"),
        ({**DISKS, "paths": ["var"]}, "'var' does not start with '/'"),
        ({**DISKS, "paths": []}, "paths must be a list of paths, or 'all'"),
        ({**DISKS, "paths": "/var"}, "paths must be a list of paths, or 'all'"),
        ({**DISKS, "paths": ["/"], "exclude": ["/a"]}, "exclude makes sense only with"),
        (
            {**REDIS, "info": [{"field": "x", "equals": "1", "warning": 1}]},
            "both limits and equals",
        ),
        ({**REDIS, "info": [{"field": "x", "requirements": ["one"]}]}, "'one'"),
        (METRICS, "name at least one of rate"),
        ({**METRICS, "url": "ftp://a/", "rate": {"warning": 1}}, "must start with http://"),
        ({**METRICS, "rate": {"warning": 1}, "failed": "("}, "is not a regular"),
        ({**METRICS, "errors": {"requirements": ["R"]}}, "'R'"),
        ({**REPLICATION, "replicas": -1}, "replicas is -1; at least 0"),
        ({**REPLICATION, "login_host": "h", "run_as": "u"}, "leave out login_host"),
        ({**REDIS, "username": "x"}, "username needs a password"),
        ({**DATABASE, "run_as": "a", "login_host": "b"}, "leave out login_host"),
        ({**DATABASE, "as_user": "a"}, "'as_user' is not a known name"),
        ({**CELERY, "broker": "amqp://127.0.0.1"}, "broker must be a URL redis://"),
        ({**CELERY, "broker": "redis://127.0.0.1/a"}, "must end in the number"),
        ({**CELERY, "broker": "redis://127.0.0.1", "min_workers": 0}, "min_workers is 0"),
        ({"name": "d", "kind": "unit", "unit": " "}, "unit ' ' is not the name of one systemd"),
    ],
)
def test_mistakes_name_check_and_key(raw: dict[str, t.Any], words: str) -> None:
    with pytest.raises(CheckError) as error:
        parse_checks([raw], longest=30)

    assert words in str(error.value)


def test_all_mistakes_are_named_at_once() -> None:
    raw = [{**HTTP, "urll": 1, "attempts": 0}, TCP, {**TCP, "name": "b", "port": 0}]

    with pytest.raises(CheckError) as error:
        parse_checks(raw, "system_health_checks")

    assert str(error.value).splitlines() == [
        "system_health_checks 'api' (http): 'urll' is not a known name; did you mean 'url'?",
        "system_health_checks 'api' (http).attempts is 0; from 1 to 100",
        "system_health_checks 'b' (tcp).port is 0; from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"timeout": 0}, "timeout is 0; above 0"),
        ({"workers": 0}, "workers is 0; from 1 to 256"),
        ({"latency_factor": 0}, "latency_factor is 0; above 0"),
        ({"cadence": "yearly"}, "cadence is 'yearly'"),
        ({"checks": {}}, "checks is ***; it must be a list"),
    ],
)
def test_mistakes_beside_the_checks_are_named(values: dict[str, t.Any], words: str) -> None:
    with pytest.raises(CheckError) as error:
        parse({"checks": [], **values})

    assert words in str(error.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([HTTP, HTTP], "checks: duplicate name and kind http:api"),
        ([{**HTTP, "depends_on": ["db"]}], "checks 'api' (http).depends_on: 'db' is not a check"),
        ([{**HTTP, "depends_on": ["api"]}], "depends_on forms a cycle among http:api"),
        (
            [{**HTTP, "depends_on": ["port"]}, {**TCP, "depends_on": ["api"]}],
            "forms a cycle among http:api, tcp:port",
        ),
        (
            [HTTP, {**TCP, "name": "api"}, {**TCP, "depends_on": ["api"]}],
            "'api' is ambiguous; write http:api or tcp:api",
        ),
        (
            [{**DISKS, "name": name, "paths": ["/var"]} for name in ("a", "b")],
            "duplicate path '/var', 'a' has it already",
        ),
        ([{**DISKS, "name": name, "paths": "all"} for name in ("a", "b")], "duplicate path '*'"),
    ],
)
def test_mistakes_between_checks(raw: list[dict[str, t.Any]], words: str) -> None:
    with pytest.raises(CheckError) as error:
        parse_checks(raw)

    assert words in str(error.value)


def test_only_checks_of_the_hosts_components_remain() -> None:
    checks = parse_checks(
        [
            {**HTTP, "component": "app", "depends_on": ["db", "tcp:port"]},
            {**DATABASE, "name": "db", "component": "postgresql"},
            TCP,
        ]
    )

    everything = due(checks, None, "")
    here = due(checks, ["app", "web"], "")

    assert [check.id for check in everything] == ["http:api", "postgresql:db", "tcp:port"]
    assert [check.id for check in here] == ["http:api", "tcp:port"]
    assert here[0].depends_on == ("tcp:port",), "what lives on another host cannot be waited for"
    assert [check.id for check in due(checks, [], "")] == ["tcp:port"]


def test_a_mistake_in_a_check_of_another_host_is_named_too() -> None:
    with pytest.raises(CheckError):
        parse({"checks": [{**HTTP, "component": "app", "bogus": 1}], "components": []})


def test_only_checks_of_the_cadence_remain() -> None:
    checks = parse_checks([{**HTTP, "cadences": ["weekly"]}, {**TCP, "depends_on": ["api"]}])

    assert [check.id for check in due(checks, None, "weekly")] == ["http:api", "tcp:port"]
    assert [check.id for check in due(checks, None, "daily")] == ["tcp:port"]
    assert due(checks, None, "daily")[0].depends_on == ()


@pytest.mark.parametrize("paths", ["all", ["all"]])
def test_all_mounts_leave_out_paths_with_limits_of_their_own(paths: t.Any) -> None:
    raw = [
        {**DISKS, "name": "all", "paths": paths, "exclude": ["/boot"]},
        {**DISKS, "name": "data", "paths": ["/srv"], "warning": 50},
    ]

    assert parse_checks(raw)[0].options["exclude"] == ["/boot", "/srv"]


@pytest.mark.parametrize("system", profiles.systems(PROJECT))
def test_the_profiles_are_understood(system: str) -> None:
    raw = profiles.load(PROJECT, system)["system_health_checks"]

    assert len(parse_checks(raw, longest=30)) == len(raw)


def test_secrets_are_known_before_a_check_is_validated() -> None:
    raw = [
        {**REDIS, "password": "p-one"},
        {**CELERY, "broker": "redis://u:p%2Dtwo@127.0.0.1/0"},
        {"kind": "rediss", "password": "p-three"},
        "no mapping",
    ]

    found = secrets_of(raw)

    assert found == {
        "p-one",
        "redis://u:p%2Dtwo@127.0.0.1/0",
        "p%2Dtwo",
        "p-two",
        "p-three",
    }
    assert secrets_of(None) == set()


def test_a_finding_shows_no_secret_of_its_check() -> None:
    check = check_of({**CELERY, "broker": "redis://u:p%2Dtwo@127.0.0.1/0"})
    message = "cannot log in with p-two at redis://u:p%2Dtwo@127.0.0.1/0"

    found = cleaned(check.finding("critical", message), KINDS["celery"].secrets(check.options))

    assert found["message"] == "cannot log in with ******** at ********"
    assert "p-two" not in repr(check)
    assert "p%2Dtwo" not in repr(check)


@pytest.mark.parametrize(
    "raw",
    [{**REDIS, "password": 471147}, {**REDIS, "password": "p-one", "port": "p-one"}],
)
def test_a_mistake_shows_no_secret(raw: dict[str, t.Any]) -> None:
    with pytest.raises(CheckError) as error:
        parse_checks([raw])

    assert "471147" not in str(error.value)
    assert "p-one" not in str(error.value)
