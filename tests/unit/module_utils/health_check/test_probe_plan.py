# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a profile's mappings to checks: every mistake is named."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.attempt import redacted, secret_texts
from ansible.module_utils.upkeep.health_check.check import CheckError
from ansible.module_utils.upkeep.health_check.plan import parse, plan, secrets_of

from tools import PROJECT, profiles

HTTP = {"name": "api", "kind": "http", "url": "http://127.0.0.1/"}
TCP = {"name": "port", "kind": "tcp", "port": 80}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            {"name": "api", "kind": "htp"},
            "check 'api': kind 'htp' is not known; choose one of celery, cpu, disk_io",
        ),
        ({"kind": "memory"}, "check number 1 (memory): missing required arguments: name"),
        ({**HTTP, "urll": 1}, "check 'api' (http): unknown key(s) 'urll'; known: "),
        ({**TCP, "url": "http://127.0.0.1/"}, "check 'port' (tcp): unknown key(s) 'url'"),
        ({"name": "api", "kind": "http"}, "missing required arguments: url"),
        ({**HTTP, "timeout": "soon"}, "check 'api' (http): argument 'timeout'"),
        ({**HTTP, "timeout": 0}, "timeout must be between 0.001 and 30, not 0"),
        ({**HTTP, "timeout": 31}, "timeout must be between 0.001 and 30, not 31"),
        ({**HTTP, "timeout": "nan"}, "timeout must be between"),
        ({**HTTP, "attempts": 0}, "attempts must be between 1 and 100"),
        ({**HTTP, "name": "a b"}, "a name is letters"),
        ({**HTTP, "requirements": ["R1"]}, "check 'api' (http): requirement id 'R1'"),
        ({**HTTP, "json": [{"path": "a", "equal": 1}]}, "json.equal"),
        ({**HTTP, "json": [{"path": "a"}]}, "a condition needs one of equals"),
        ({**HTTP, "latency": {"warnig_ms": 3}}, "latency.warnig_ms"),
        ({**HTTP, "latency": {"samples": 0}}, "latency.samples must be between 1 and 1000"),
        ({**HTTP, "body_regex": "("}, "'(' is no regular expression"),
        ({**HTTP, "tls_expiry": {}}, "check 'api' (http): tls_expiry is empty"),
        ({**HTTP, "tls_expiry": {"warning_days": 9}}, "tls_expiry needs an https url"),
        ({**HTTP, "url": "ftp://example.org"}, "url must start with http"),
        ({**HTTP, "url": "http://me:word@example.org/"}, "url must not hold a user or password"),
        ({**HTTP, "url": "http://127.0.0.1:no/"}, "check 'api' (http): Port could not be cast"),
        ({"name": "d", "kind": "filesystem", "paths": ["var"]}, "paths start with '/'"),
        (
            {"name": "d", "kind": "filesystem", "paths": []},
            "paths must be a list of paths, or 'all'",
        ),
        (
            {"name": "d", "kind": "filesystem", "paths": ["/"], "exclude": ["/a"]},
            "exclude makes sense only with",
        ),
        (
            {"name": "d", "kind": "redis", "info": [{"field": "x", "equals": "1", "warning": 1}]},
            "x has limits and equals",
        ),
        (
            {"name": "d", "kind": "redis", "info": [{"field": "x", "requirements": ["one"]}]},
            "'one'",
        ),
        (
            {"name": "d", "kind": "metrics", "url": "http://a/metrics"},
            "ask for at least one of rate",
        ),
        (
            {"name": "d", "kind": "metrics", "url": "ftp://a/", "rate": {"warning": 1}},
            "must start with http://",
        ),
        (
            {
                "name": "d",
                "kind": "metrics",
                "url": "http://a/",
                "rate": {"warning": 1},
                "failed": "(",
            },
            "is no regular",
        ),
        (
            {"name": "d", "kind": "metrics", "url": "http://a/", "errors": {"requirements": ["R"]}},
            "'R'",
        ),
        (
            {"name": "d", "kind": "replication", "database": "d", "replicas": -1},
            "replicas must be at least 0",
        ),
        (
            {"name": "d", "kind": "replication", "database": "d", "host": "h", "as_user": "u"},
            "leave out host",
        ),
        ({"name": "d", "kind": "redis", "username": "x"}, "username needs a password"),
        (
            {"name": "d", "kind": "postgresql", "database": "x", "as_user": "a", "host": "b"},
            "leave out host",
        ),
        (
            {"name": "d", "kind": "celery", "broker": "amqp://127.0.0.1"},
            "broker must be a url redis://",
        ),
        (
            {"name": "d", "kind": "celery", "broker": "redis://127.0.0.1/a"},
            "must end in the number",
        ),
        (
            {"name": "d", "kind": "celery", "broker": "redis://127.0.0.1", "min_workers": 0},
            "min_workers",
        ),
        ({"name": "d", "kind": "unit", "unit": " "}, "unit must be the name"),
    ],
)
def test_mistakes_name_check_and_key(raw: dict[str, t.Any], words: str) -> None:
    with pytest.raises(CheckError) as error:
        plan([raw], longest=30)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([HTTP, HTTP], "there are two of that name and kind"),
        ([{**HTTP, "depends_on": ["db"]}], "depends_on names 'db', which is no check"),
        ([{**HTTP, "depends_on": ["api"]}], "depends_on goes in a circle among http:api"),
        (
            [{**HTTP, "depends_on": ["port"]}, {**TCP, "depends_on": ["api"]}],
            "in a circle among http:api, tcp:port",
        ),
        (
            [HTTP, {**TCP, "name": "api"}, {**TCP, "depends_on": ["api"]}],
            "may mean http:api or tcp:api; write which",
        ),
        (
            [{"name": n, "kind": "filesystem", "paths": ["/var"]} for n in ("a", "b")],
            "path '/var' belongs to 'a' already",
        ),
    ],
)
def test_mistakes_between_checks(raw: list[dict[str, t.Any]], words: str) -> None:
    with pytest.raises(CheckError) as error:
        plan(raw)
    assert words in str(error.value)


def test_only_checks_of_the_hosts_components_remain() -> None:
    raw = [
        {**HTTP, "component": "app", "depends_on": ["db", "tcp:port"]},
        {"name": "db", "kind": "postgresql", "database": "x", "component": "postgresql"},
        TCP,
    ]

    assert [check.id for check in plan(raw)] == ["http:api", "postgresql:db", "tcp:port"]

    checks = plan(raw, ["app", "web"])

    assert [check.id for check in checks] == ["http:api", "tcp:port"]
    assert checks[0].depends_on == ("tcp:port",), "what lives on another host cannot be waited for"
    assert [check.id for check in plan(raw, [])] == ["tcp:port"]
    with pytest.raises(CheckError):
        plan([{**HTTP, "component": "app", "bogus": 1}], [])


def test_all_mounts_leave_out_paths_with_limits_of_their_own() -> None:
    raw = [
        {"name": "all", "kind": "filesystem", "paths": "all", "exclude": ["/boot"]},
        {"name": "data", "kind": "filesystem", "paths": ["/srv"], "warning": 50},
    ]
    assert plan(raw)[0].options["exclude"] == ["/boot", "/srv"]


@pytest.mark.parametrize(
    "system", ["fairedge", "hyperopt", "racing", "student_success", "trailblaze"]
)
def test_the_profiles_are_understood(system: str) -> None:
    raw = profiles.load(PROJECT, system)["system_health_checks"]
    assert len(plan(raw, longest=30)) == len(raw)


def test_secrets_are_found_before_and_after_validation() -> None:
    raw = [
        {"name": "r", "kind": "redis", "password": "p-one"},
        {"name": "c", "kind": "celery", "broker": "redis://u:p%2Dtwo@127.0.0.1/0"},
        "no mapping",
    ]

    assert secrets_of(raw) == {"p-one", "redis://u:p%2Dtwo@127.0.0.1/0"}
    assert secrets_of(None) == set()

    check = parse(raw[1])  # type: ignore[arg-type]

    assert secret_texts(check) == {"redis://u:p%2Dtwo@127.0.0.1/0", "p%2Dtwo", "p-two"}

    found = redacted(
        check.finding("critical", "cannot log in with p-two at redis://u:p%2Dtwo@127.0.0.1/0"),
        secret_texts(check),
    )

    assert found["message"] == "cannot log in with ******** at ********"
    assert "p-two" not in repr(check)
    assert "p%2Dtwo" not in repr(check)
