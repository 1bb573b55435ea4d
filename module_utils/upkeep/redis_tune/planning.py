# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is due on a server, from facts alone."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .facts import RedisFacts
from .settings import Instance

MIB: t.Final = 1 << 20
#: The limit of memory is never set below this share of what is used.
HEADROOM: t.Final = 1.2


@dataclass(frozen=True)
class SettingDecision:
    """What happens to one setting of the server; ``refusal`` is why it is left as it is."""

    directive: str
    current: str | None
    desired: str
    refusal: str = ""

    @property
    def is_due(self) -> bool:
        """Whether the value of the server has to be changed."""
        return not self.refusal and self.current != self.desired


def decide(instance: Instance, facts: RedisFacts) -> list[SettingDecision]:
    """Return a decision for each setting that the profile names, in the order to apply them."""
    decisions = {
        directive: _decision(instance, facts, directive, desired)
        for directive, desired in instance.server_settings.items()
    }
    policy = decisions.get("maxmemory-policy")
    if policy and policy.is_due and policy.desired != "noeviction":
        memory = decisions.get("maxmemory")
        limit = memory.desired if memory and not memory.refusal else facts.config.get("maxmemory")
        if limit in (None, "0"):
            decisions["maxmemory-policy"] = SettingDecision(
                policy.directive,
                policy.current,
                policy.desired,
                "it has no effect without a limit; set maxmemory as well",
            )

    # A policy that evicts less comes first, so that a lower limit never evicts what it protects.
    return sorted(
        decisions.values(),
        key=lambda decision: (
            decision.directive != "maxmemory-policy"
            or not decision.desired.startswith(("noeviction", "volatile-"))
        ),
    )


def policy_problem(policy: str, purpose: str, broker_key: str) -> str:
    """Return why a server of this purpose must not have this policy, '' when it may."""
    if policy == "noeviction":
        return ""
    if purpose == "broker":
        return "it would evict tasks: a broker needs noeviction"
    if policy.startswith("allkeys-") and purpose == "mixed":
        return "it would evict tasks: a server that is a broker, too, needs noeviction"
    if policy.startswith("allkeys-") and broker_key:
        return (
            "it would evict tasks: the profile calls this server a cache, but it holds"
            f" {broker_key} as a broker of tasks does"
        )

    return ""


def can_purge(facts: RedisFacts) -> bool:
    """Return whether the server's allocator can be made to give memory back."""
    return facts.info.get("mem_allocator", "").startswith("jemalloc")


def purge_bytes(facts: RedisFacts) -> float:
    """Return the bytes that the allocator holds without using their pages."""
    return facts.number("allocator_resident") - facts.number("allocator_active")


def fragmented_bytes(facts: RedisFacts) -> float:
    """Return the bytes in pages in use that only moving values could free."""
    return facts.number("allocator_active") - facts.number("allocator_allocated")


def is_purge_due(instance: Instance, facts: RedisFacts, kept: float) -> bool:
    """Return whether giving free pages back is worth it, by bytes and by ratio.

    ``kept`` is how many bytes the allocator kept at the last purge: it would keep them again.
    """
    ratio = facts.number("allocator_resident") / max(facts.number("allocator_active"), 1.0)

    return can_purge(facts) and _is_worth_it(instance, purge_bytes(facts) - kept, ratio)


def is_defragmentation_due(instance: Instance, facts: RedisFacts) -> bool:
    """Return whether moving values is worth it, by bytes and by ratio."""
    ratio = facts.number("allocator_active") / max(facts.number("allocator_allocated"), 1.0)

    return _is_worth_it(instance, fragmented_bytes(facts), ratio)


def _is_worth_it(instance: Instance, saved: float, ratio: float) -> bool:
    options = instance.aspects["fragmentation"]

    return saved > options["min_mb"] * MIB and ratio > float(options["ratio"])


def _decision(
    instance: Instance, facts: RedisFacts, directive: str, desired: str
) -> SettingDecision:
    current = facts.config.get(directive)
    if current is None:
        return SettingDecision(directive, None, desired, "the server does not show it")

    refusal = ""
    if directive == "maxmemory-policy":
        refusal = policy_problem(desired, instance.purpose, facts.broker_key)
    elif directive == "maxmemory":
        refusal = _memory_problem(facts, int(current or 0), int(desired))

    return SettingDecision(directive, current, desired, refusal)


def _memory_problem(facts: RedisFacts, current: int, desired: int) -> str:
    lowered = desired and (not current or desired < current)
    least = HEADROOM * facts.number("used_memory")
    if lowered and desired < least:
        return (
            f"{facts.number('used_memory') / MIB:.1f} MiB are in use, and the limit is never set"
            f" below {HEADROOM:g} times that"
        )

    return ""
