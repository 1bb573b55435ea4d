# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is due on a server, and what is refused whatever the profile says."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.redis_tune import planning
from ansible.module_utils.upkeep.redis_tune.facts import RedisFacts
from ansible.module_utils.upkeep.redis_tune.options import POLICIES
from ansible.module_utils.upkeep.redis_tune.planning import MIB, decide, policy_problem
from ansible.module_utils.upkeep.redis_tune.settings import Instance, parse

CONFIG: t.Final = {"maxmemory": "0", "maxmemory-policy": "noeviction", "save": "900 1"}


def instance(**options: t.Any) -> Instance:
    """Return an instance of a profile."""
    return parse({"instances": [{"name": "x", "purpose": "cache", **options}]}).instances[0]


def facts(info: dict[str, t.Any] | None = None, broker_key: str = "", **config: str) -> RedisFacts:
    """Return facts of a server that uses 10 MiB."""
    whole = {"used_memory": str(10 * MIB)} | {key: str(of) for key, of in (info or {}).items()}

    return RedisFacts(
        whole, CONFIG | {key.replace("_", "-"): of for key, of in config.items()}, "", broker_key
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_a_broker_gets_no_policy_that_evicts(policy: str) -> None:
    problem = policy_problem(policy, "broker", "")

    assert (problem == "") is (policy == "noeviction")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_mixed_server_never_evicts_keys_without_expiry(policy: str) -> None:
    problem = policy_problem(policy, "mixed", "")

    assert (problem == "") is not policy.startswith("allkeys-")


def test_a_cache_that_holds_a_brokers_keys_is_treated_as_mixed() -> None:
    problem = policy_problem("allkeys-lru", "cache", "unacked in database 0")

    assert "holds unacked in database 0" in problem


def test_a_policy_needs_a_limit() -> None:
    policy = {"value": "allkeys-lru"}
    (alone,) = decide(instance(maxmemory_policy=policy), facts())
    both = decide(instance(maxmemory_policy=policy, maxmemory={"value": "64mb"}), facts())

    assert "set maxmemory as well" in alone.refusal
    assert [(item.directive, item.is_due) for item in both] == [
        ("maxmemory", True),
        ("maxmemory-policy", True),
    ]


def test_a_policy_that_protects_comes_before_a_lower_limit() -> None:
    desired = instance(maxmemory={"value": "64mb"}, maxmemory_policy={"value": "noeviction"})
    decisions = decide(desired, facts(maxmemory_policy="allkeys-lru"))

    assert [item.directive for item in decisions] == ["maxmemory-policy", "maxmemory"]


@pytest.mark.parametrize(
    ("current", "desired", "is_due"),
    [
        ("0", "11mb", False),
        ("0", "12mb", True),
        (str(64 * MIB), "11mb", False),
        (str(10 * MIB), "11mb", True),
        (str(64 * MIB), "0", True),
        (str(12 * MIB), "12mb", False),
    ],
)
def test_the_limit_is_never_lowered_below_what_is_used(
    current: str, desired: str, is_due: bool
) -> None:
    (decision,) = decide(instance(maxmemory={"value": desired}), facts(maxmemory=current))

    assert decision.is_due is is_due


def test_a_setting_that_the_server_does_not_show_is_left_alone() -> None:
    unseen = RedisFacts({}, {}, "", "")
    (decision,) = decide(instance(save={"value": "900 1"}), unseen)

    assert not decision.is_due
    assert decision.refusal


@pytest.mark.parametrize(
    ("allocated", "active", "resident", "purge", "move"),
    [
        (100, 110, 400, True, False),
        (100, 300, 310, False, True),
        (1, 3, 9, False, False),
        (1000, 1100, 1200, False, False),
    ],
)
def test_memory_is_given_back_only_when_bytes_and_ratio_are_worth_it(
    allocated: int, active: int, resident: int, purge: bool, move: bool
) -> None:
    info = {
        "mem_allocator": "jemalloc-5.3.0",
        "allocator_allocated": allocated * MIB,
        "allocator_active": active * MIB,
        "allocator_resident": resident * MIB,
    }
    cache = instance(fragmentation={"ratio": 1.5, "min_mb": 64})

    assert planning.is_purge_due(cache, facts(info), 0.0) is purge
    assert planning.is_defragmentation_due(cache, facts(info)) is move


def test_another_allocator_is_never_purged() -> None:
    info = {"mem_allocator": "libc", "allocator_active": MIB, "allocator_resident": 900 * MIB}

    assert not planning.is_purge_due(instance(fragmentation={}), facts(info), 0.0)


def test_what_the_allocator_kept_last_time_is_not_asked_for_again() -> None:
    info = {"mem_allocator": "jemalloc", "allocator_active": MIB, "allocator_resident": 301 * MIB}
    cache = instance(fragmentation={"min_mb": 64})

    assert not planning.is_purge_due(cache, facts(info), 290.0 * MIB)
    assert planning.is_purge_due(cache, facts(info), 100.0 * MIB)
