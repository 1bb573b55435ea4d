# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options as data: argument specs made of them, and values held against them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.upkeep.base.options import (
    OptionError,
    argument_spec,
    holds_secret,
    option,
    parse,
    problems,
    requirements,
)

ENTRY = {
    "name": option("str", "Name.", required=True, pattern="[a-z]+"),
    "days": option("float", "Days.", default=7, minimum=1, why="or every run would find work"),
    "share": option("float", "Share.", minimum=0, maximum=100),
    "wait": option("int", "Wait.", above=0),
    "mode": option("str", "Mode.", choices=["fast", "slow"]),
    "days_off": option("list", "Days.", elements="str", choices=["Saturday", "Sunday"]),
    "requirements": requirements(),
}
OPTIONS = {
    "entries": option(
        "list", "Entries.", elements="dict", required=True, options=ENTRY, min_items=1
    ),
    "password": option("str", "Password.", secret=True),
}


def told(entry: dict[str, Any]) -> list[str]:
    return list(problems(OPTIONS, {"entries": [{"name": "app", **entry}]}))


def test_ansible_is_shown_its_own_keys_only() -> None:
    spec = argument_spec(OPTIONS)

    assert spec["password"] == {"type": "str", "no_log": True}
    assert spec["entries"]["options"]["days"] == {"type": "float", "default": 7}

    result = ArgumentSpecValidator(spec).validate({"entries": [{"name": "app"}]})

    assert not result.error_messages


def test_values_are_filled_with_defaults_at_every_depth() -> None:
    filled = parse(OPTIONS, {"entries": [{"name": "app", "wait": 3}]})

    assert filled["password"] is None
    assert filled["entries"] == [
        {
            "name": "app",
            "days": 7,
            "share": None,
            "wait": 3,
            "mode": None,
            "days_off": None,
            "requirements": [],
        }
    ]

    filled["entries"][0]["requirements"].append("x")

    assert parse(OPTIONS, {"entries": [{"name": "app"}]})["entries"][0]["requirements"] == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"dys": 3}, "entries 'app': 'dys' is not a known name; did you mean 'days'?"),
        ({"days": 0}, "entries 'app'.days is 0; at least 1, or every run would find work"),
        ({"share": 101}, "entries 'app'.share is 101; from 0 to 100"),
        ({"wait": 0}, "entries 'app'.wait is 0; above 0"),
        ({"days": float("nan")}, "entries 'app'.days is nan; it must be a finite number"),
        ({"mode": "fst"}, "entries 'app'.mode is 'fst'; did you mean 'fast'?"),
        ({"days": True}, "entries 'app'.days is True; it must be a number"),
        ({"days": "7"}, "entries 'app'.days is '7'; it must be a number (-e name=value always"),
        ({"requirements": "R-x-01"}, "entries 'app'.requirements is 'R-x-01'; it must be a list"),
        ({"requirements": [3]}, "entries 'app'.requirements[0] is 3; it must be text"),
        ({"name": "App"}, "entries 'App'.name is 'App'; it must match [a-z]+"),
        ({"name": "a\0"}, "holds a NUL character"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(
    entry: dict[str, Any], sentence: str
) -> None:
    found = told(entry)

    assert len(found) == 1
    assert sentence in found[0]


def test_a_missing_name_and_an_entry_that_is_no_mapping_are_named() -> None:
    assert list(problems(OPTIONS, {"entries": [{}]})) == ["entries[0]: 'name' is missing"]
    assert list(problems(OPTIONS, {"entries": ["x"]})) == [
        "entries[0] is 'x'; it must be a mapping"
    ]
    assert list(problems(OPTIONS, {})) == ["'entries' is missing"]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        parse(OPTIONS, {"entries": [], "pasword": "x"}, "profile")

    assert str(caught.value).splitlines() == [
        "profile: 'pasword' is not a known name; did you mean 'password'?",
        "profile.entries is empty; name at least 1",
    ]


def test_choices_of_a_list_are_for_its_elements() -> None:
    assert told({"days_off": ["Sunday"]}) == []
    assert told({"days_off": ["Sundy"]}) == [
        "entries 'app'.days_off[0] is 'Sundy'; did you mean 'Sunday'?"
    ]


def test_a_name_that_sounds_like_a_secret_is_said_to_be_none() -> None:
    spec = argument_spec(
        {"level_key": option("str", "Key."), "token": option("str", "T", secret=True)}
    )
    assert spec["level_key"]["no_log"] is False
    assert spec["token"]["no_log"] is True


def test_a_message_does_not_show_a_secret() -> None:
    options = {
        "token": option("str", "Token.", secret=True, pattern="[a-z]+"),
        "tokens": option("list", "Tokens.", elements="str", secret=True, pattern="[a-z]+"),
        "url": option("str", "Address.", pattern="https://.*"),
    }
    values = {
        "token": "HUNTER2",
        "tokens": ["HUNTER2"],
        "url": "redis://app:hunter2@db.example.org/0",
    }

    found = list(problems(options, values))

    assert found[0] == "token is ***; it must match [a-z]+"
    assert found[1] == "tokens[0] is ***; it must match [a-z]+"
    assert "db.example.org" in found[2]
    assert "hunter2" not in "".join(found).lower()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "a", "logins": [{"user": "b"}, {"password": ""}]}, False),
        ({"logins": [{"user": "b"}, {"password": "x"}]}, True),
        ({"login": {"password": "x"}}, True),
        ({"login": {"user": "b"}, "logins": None}, False),
        ({"login": "user=b password=x"}, True),
        ({"unknown": "x"}, False),
    ],
)
def test_a_secret_is_found_wherever_it_lies(values: dict[str, Any], expected: bool) -> None:
    login = {"user": option("str", "User."), "password": option("str", "Password.", secret=True)}
    declared = {
        "name": option("str", "Name."),
        "login": option("dict", "Login.", options=login),
        "logins": option("list", "Logins.", elements="dict", options=login),
    }

    assert holds_secret(declared, values) is expected
