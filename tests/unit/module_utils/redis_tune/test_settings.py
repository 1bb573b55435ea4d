# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a profile may say about Redis, and what it is told otherwise."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.redis_tune.settings import SettingsError, bytes_of, parse


def entry(**options: t.Any) -> dict[str, t.Any]:
    """Return values with one instance."""
    return {"instances": [{"name": "x", "purpose": "cache", **options}]}


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5", 5), ("1k", 1000), ("1kb", 1024), ("2MB", 2 << 20), ("3g", 3 * 10**9)],
)
def test_sizes_are_those_of_redis(text: str, size: int) -> None:
    assert bytes_of(text) == size


def test_settings_are_written_as_the_server_shows_them() -> None:
    parsed = parse(entry(maxmemory={"value": "1mb"}, save={"value": "900 1"}))

    assert parsed.instances[0].server_settings == {"maxmemory": "1048576", "save": "900 1"}


def test_an_aspect_has_its_own_requirements_or_those_of_the_instance() -> None:
    parsed = parse(
        entry(
            requirements=["R-hyperopt-23"],
            save={"value": "900 1", "requirements": ["R-hyperopt-27"]},
            memory={},
        )
    )

    assert parsed.instances[0].subject("save").requirements == ("R-hyperopt-27",)
    assert parsed.instances[0].subject("memory").requirements == ("R-hyperopt-23",)


def test_an_instance_of_a_component_that_is_not_here_is_left_out() -> None:
    assert parse({**entry(component="redis"), "components": ["web"]}).instances == ()
    assert len(parse({**entry(component="redis"), "components": ["redis"]}).instances) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"instances": [{"name": "x"}]}, "instances 'x': 'purpose' is missing"),
        (entry(purpose="chache"), "did you mean 'cache'?"),
        (entry(name="a b"), "since it becomes the name of a check"),
        (entry(maxmemory={"value": "half"}), "must match"),
        (entry(maxmemory={"value": "-1"}), "must match"),
        (entry(maxmemory_policy={"value": "allkeys-lur"}), "did you mean 'allkeys-lru'?"),
        (entry(save={"value": "900"}), "must match"),
        (entry(save={"value": ""}, purpose="broker"), "a broker would lose tasks at a restart"),
        (entry(fragmentation={"ratio": 1}), "above 1"),
        (entry(fragmentation={"min_mb": 0}), "or every run would find work"),
        (entry(port=70000), "from 1 to 65535"),
        (entry(username="x"), "needs a password"),
        (entry(ca_file="/x"), "needs tls: true"),
        (entry(max_memory={"value": "1mb"}), "did you mean 'maxmemory'?"),
        (
            {"instances": [*entry()["instances"], *entry()["instances"]]},
            "duplicate name 'x'",
        ),
    ],
)
def test_values_that_cannot_work_are_refused_with_advice(
    values: dict[str, t.Any], message: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(values)

    assert message in str(refused.value)
