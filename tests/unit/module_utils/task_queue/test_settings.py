# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be given, and what a profile must allow before anything is changed."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.base.broker import BrokerError, parse_broker
from ansible.module_utils.upkeep.task_queue.settings import SettingsError, parse, parse_change

Entry = dict[str, t.Any]
SHOP: t.Final[Entry] = {"name": "shop", "broker": "redis://:p-one@127.0.0.1/3"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"broker": "http://x"}, "broker must be a URL"),
        ({"broker": "redis://[x/0"}, "broker must be a URL"),
        ({"broker": "redis://x:99999999/0"}, "broker must be a URL"),
        ({"broker": "redis://:p-one@x/one"}, "must end in the number"),
        ({"backend": "amqp://x"}, "backend must be a URL"),
        ({"queues": [{"name": "a"}, {"name": "a"}]}, "queues: duplicate name 'a'"),
        ({"queues": [{"name": "a\nb"}]}, "must match"),
        ({"tasks": [{"name": "a", "max_seconds": 0}]}, "above 0"),
        ({"beat": {}}, "beat needs application"),
        ({"oldest": {}}, "oldest needs queues"),
        ({"quues": []}, "queues"),
    ],
)
def test_what_does_not_fit_is_named_and_no_password_with_it(options: Entry, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        parse({"applications": [{**SHOP, **options}]})

    assert "p-one" not in str(caught.value)


def test_two_applications_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="duplicate name 'shop'"):
        parse({"applications": [SHOP, SHOP]})


def test_only_applications_of_this_hosts_components_concern_it() -> None:
    entries = [{**SHOP, "component": "celery"}, {**SHOP, "name": "other", "component": "app"}]
    found = parse({"applications": entries, "components": ["celery"]}).applications

    assert [application.name for application in found] == ["shop"]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://", "127.0.0.1:6379, database 0"),
        ("redis://u:p%40ss@h:1/2", "h:1, database 2"),
        ("rediss://h/", "h:6379, database 0"),
    ],
)
def test_a_broker_is_known_by_its_url(url: str, place: str) -> None:
    broker = parse_broker(url)

    assert broker.place == place
    assert broker.login.tls is url.startswith("rediss")
    assert broker.login.password in (None, "p@ss")
    assert "p%40ss" not in repr(broker)


@pytest.mark.parametrize("url", ["redis://h/\u0661", "redis://h:0/1", "redis+socket:///x", ""])
def test_what_is_no_redis_broker_is_refused(url: str) -> None:
    with pytest.raises(BrokerError):
        parse_broker(url)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action": "purge", "queue": "celery"}, "the profile allows no queue"),
        ({"action": "purge", "queue": "unacked", "purge": {}}, "the profile allows 'celery'"),
        ({"action": "purge", "purge": {}}, "queue is ''"),
        ({"action": "put_back", "copy": "../x"}, "copy is '../x'"),
        ({"action": "put_back"}, "copy is ''"),
        ({"action": "retry", "task": "pay"}, "the profile allows no task"),
        ({"action": "retry", "task": "x", "retry": {"tasks": ["pay"]}}, "allows 'pay'"),
        ({"action": "put_back", "copy": "x", "application": "y"}, "application is 'y'"),
    ],
)
def test_only_what_the_profile_allows_is_changed(options: Entry, message: str) -> None:
    own = {key: options.pop(key) for key in ("purge", "retry") if key in options}
    entry = {**SHOP, "queues": [{"name": "celery"}], **own}
    with pytest.raises(SettingsError, match=message):
        parse_change({"applications": [entry], **options})


def test_of_several_applications_one_must_be_named() -> None:
    entries = [SHOP, {**SHOP, "name": "other"}]
    with pytest.raises(SettingsError, match="does not name one; this host has 'shop', 'other'"):
        parse_change({"applications": entries, "action": "put_back", "copy": "x"})
    found = parse_change(
        {"applications": entries, "action": "put_back", "copy": "x", "application": "other"}
    )

    assert found.application.name == "other"
