# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what was seen and done on a server to findings."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ..base.text import limit_text, list_some, visible
from ..findings import Finding, Limits, Subject
from .execution import AfterRestart, TuneAction
from .facts import RedisFacts
from .keys import KeySample
from .planning import MIB, SettingDecision, can_purge, fragmented_bytes, policy_problem, purge_bytes
from .settings import Instance
from .state import Counters

_LONGEST_NAME: t.Final = 80
_NOUNS: t.Final = {"cache": "cache", "broker": "broker", "mixed": "cache and a broker"}
#: Why Redis cannot write its file, and what helps. It writes a new one beside it and renames that.
_WRITING: t.Final = {
    "Permission denied": "its user must be able to write to the folder of the file",
    "Read-only file system": "the unit must not mount the folder of the file read-only",
    "Invalid argument": "the folder of the file has to be mounted, not the file alone",
}


def unreachable(instance: Instance, reason: str) -> list[Finding]:
    """Return the finding on a server that does not answer."""
    message = f"Redis was not looked at: {visible(reason)}."

    return [instance.subject().finding("unknown", message)]


def answered(instance: Instance, facts: RedisFacts) -> Finding:
    """Return the finding that says which server answered."""
    version, role = (facts.info.get(name, "unknown") for name in ("redis_version", "role"))
    if facts.config_problem:
        message = f"the settings of the server are not known: {facts.config_problem}"
        return instance.subject().finding("unknown", message, observed=version)

    message = f"Redis {version} ({role}) at {instance.login.place} was looked at"

    return instance.subject().finding("ok", message, observed=version)


def setting(instance: Instance, decision: SettingDecision, action: TuneAction | None) -> Finding:
    """Return the finding on a setting that the profile names."""
    subject = instance.subject(decision.directive.replace("-", "_"))
    name, desired = decision.directive, _shown(decision.desired)
    details: dict[str, t.Any] = {"observed": decision.current, "expected": decision.desired}

    if decision.refusal:
        why = f"was not set to {desired}: {decision.refusal}"
        if decision.current is None:
            return subject.finding("unknown", f"{name} {why}", **details)

        message = f"{name} stays {_shown(decision.current)} and {why}"
        return subject.finding("warning", message, **details)
    if action is None:
        return subject.finding("ok", f"{name} is {desired}", **details)
    if action.status == "failed":
        message = f"{name} could not be set to {desired}: {action.message}"
        return subject.finding("warning", message, **details)

    status, verb = ("ok", "was set") if action.status == "done" else ("info", "would be set")
    message = f"{name} {verb} from {_shown(decision.current)} to {desired}"

    return subject.finding(status, message, **details)


def eviction(instance: Instance, policy: str, facts: RedisFacts) -> Finding | None:
    """Return whether what the server evicts fits its purpose; None when the policy is unknown."""
    if not policy:
        return None

    subject = Subject(instance.subject("eviction").check_id, _ids_of_policy(instance))
    problem = policy_problem(policy, instance.purpose, facts.broker_key)
    if problem:
        message = f"maxmemory-policy is {policy}: {problem}; set noeviction"
        return subject.finding("critical", message, observed=policy)

    message = f"maxmemory-policy {policy} fits a server that is a {_NOUNS[instance.purpose]}"

    return subject.finding("ok", message, observed=policy)


def persistence(
    instance: Instance,
    lost: Sequence[AfterRestart] | str,
    rewritten: TuneAction | None,
) -> Finding:
    """Return whether the settings of the profile would hold after a restart."""
    subject = instance.subject("persistence")
    if rewritten and rewritten.status in ("failed", "not_possible"):
        message = (
            "a restart would lose the settings, since the server cannot write its file:"
            f" {visible(rewritten.message)}{_advice(rewritten.message)}"
        )
        return subject.finding("warning", message)
    if isinstance(lost, str):
        return subject.finding("unknown", f"{visible(lost)}.")
    if not lost:
        return subject.finding("ok", "a restart would keep the settings")
    if rewritten and rewritten.status == "planned":
        return subject.finding("info", "the settings would be written to the server's file")

    return subject.finding("warning", f"a restart would change {list_some([*map(_told, lost)])}")


def _advice(reason: str) -> str:
    """Return the clause on what to do about a file that Redis cannot write, '' for none."""
    return next((f"; {clause}" for words, clause in _WRITING.items() if words in reason), "")


def snapshots(instance: Instance, facts: RedisFacts) -> Finding:
    """Return whether the data was written to disk the last time that was tried."""
    subject = instance.subject("snapshots")
    fields = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
    failed = [name for name in fields if facts.info.get(name, "ok") != "ok"]
    if failed:
        message = f"{', '.join(failed)}: see the log of Redis and the space on its disk"
        return subject.finding("critical", f"the data could not be written, by {message}")
    if fields[0] not in facts.info:
        return subject.finding("unknown", "INFO does not show how the last snapshot ended")

    changes = facts.info.get("rdb_changes_since_last_save", "?")

    return subject.finding("ok", f"the last snapshot succeeded, {changes} changes since then")


def fragmentation(instance: Instance, facts: RedisFacts, actions: Sequence[TuneAction]) -> Finding:
    """Return the finding on memory that the server holds without using it."""
    subject = instance.subject("fragmentation")
    options = instance.aspects["fragmentation"]
    ratio = facts.number("mem_fragmentation_ratio")
    won = max(purge_bytes(facts), 0.0) + max(fragmented_bytes(facts), 0.0)
    unused = max(facts.number("used_memory_rss") - facts.number("used_memory"), 0.0)
    done = [f"{action.action}: {action.message or action.status}" for action in actions]
    more = f"; {', '.join(done)}" if done else ""
    message = (
        f"the ratio is {ratio:g}, {unused / MIB:.1f} MiB are held and not used, of which the"
        f" allocator could give back {won / MIB:.1f} MiB{more}"
    )
    limits = Limits(float(options["ratio"]))
    status = limits.judge(ratio)
    if status != "ok" and unused <= options["min_mb"] * MIB:
        status = "ok"
        message += "; too little to act"
    elif status != "ok" and not can_purge(facts):
        message += f"; {facts.info.get('mem_allocator', 'this allocator')} gives nothing back"

    return subject.measured(ratio, limits, message, "plan a restart in a window", status=status)


def memory(instance: Instance, facts: RedisFacts, passed: Counters | None) -> Finding:
    """Return the memory in use, its share of the limit, and how it grew."""
    subject = instance.subject("memory")
    used, limit = facts.number("used_memory"), facts.number("maxmemory")
    grown = f", {passed.used_memory / MIB:+.1f} since the previous run" if passed else ""
    message = f"{used / MIB:.1f} MiB are in use{grown}"
    if not limit:
        return subject.measured(
            round(used / MIB, 1),
            Limits(),
            f"{message}; there is no limit",
            unit="MiB",
            status="info",
        )

    share = round(100 * used / limit, 1)
    message += f", {share:g} % of {limit / MIB:.1f} MiB"
    limits = Limits.of(instance.aspects["memory"])

    return subject.measured(share, limits, message, "see which keys grew", unit="%")


def hit_ratio(instance: Instance, facts: RedisFacts, passed: Counters | None) -> Finding:
    """Return the share of lookups that found their key, since the previous run."""
    subject = instance.subject("hit_ratio")
    options = instance.aspects["hit_ratio"]
    hits = passed.hits if passed else facts.number("keyspace_hits")
    misses = passed.misses if passed else facts.number("keyspace_misses")
    lookups = hits + misses
    if lookups < options["min_lookups"]:
        message = f"not enough lookups to judge ({lookups:.0f} of {options['min_lookups']})"
        return subject.finding("info", message)

    ratio = round(100 * hits / lookups, 1)
    when = "since the previous run" if passed else "since the server started"
    message = f"{ratio:g} % of {lookups:.0f} lookups {when} found their key"
    limits = Limits(options["warning"], side="below")

    return subject.measured(ratio, limits, message, "see what changed", unit="%")


def slow_log(
    instance: Instance, entries: Sequence[tuple[int, str]] | str, new: int | None, total: int
) -> Finding:
    """Return the slowest commands by name, without their arguments, which may hold secrets."""
    subject = instance.subject("slow_log")
    if isinstance(entries, str):
        return subject.finding("unknown", entries)

    count = total if new is None else new
    when = "in the log" if new is None else "since the previous run"
    named = list_some(
        [f"{visible(name)} {micros / 1000:g} ms" for micros, name in sorted(entries, reverse=True)]
    )
    message = f"{count} slow commands {when}" + (f": {named}" if entries and count else "")
    limits = Limits.of(instance.aspects["slow_log"])

    return subject.measured(count, limits, message, "see SLOWLOG GET on the server")


def clients(instance: Instance, facts: RedisFacts, passed: Counters | None) -> Finding:
    """Return the share of connections in use; a refused one is always worth a warning."""
    subject = instance.subject("clients")
    connected = facts.number("connected_clients")
    most = facts.number("maxclients") or float(facts.config.get("maxclients", "0") or 0)
    refused = passed.rejected if passed else 0
    if refused > 0:
        message = f"{refused:.0f} connections were refused since the previous run: raise maxclients"
        return subject.finding("warning", message, observed=connected)
    if not most:
        message = f"{connected:.0f} clients; the server does not show how many it takes"
        return subject.finding("unknown", message, observed=connected)

    share = round(100 * connected / most, 2)
    message = f"{connected:.0f} of {most:.0f} connections are in use"
    limits = Limits.of(instance.aspects["clients"])

    return subject.measured(share, limits, message, "see which client opens them", unit="%")


def evicted(instance: Instance, passed: Counters | None) -> Iterator[Finding]:
    """Yield the finding for keys that a server with tasks has evicted."""
    if passed and passed.evicted > 0 and instance.purpose != "cache":
        message = (
            f"{passed.evicted:.0f} keys were evicted since the previous run, tasks may be among"
            " them: set noeviction and more memory"
        )
        yield instance.subject().finding(
            "critical", message, aspect="evicted", observed=passed.evicted
        )


def keys_without_expiry(instance: Instance, facts: RedisFacts, sample: KeySample | str) -> Finding:
    """Return how many keys never expire, and some of their names."""
    subject = instance.subject("keys_without_expiry")
    databases = facts.databases.values()
    keys = sum(count.keys for count in databases)
    lasting = keys - sum(count.expiring for count in databases)
    share = round(100 * lasting / keys, 1) if keys else 0.0
    message = f"{lasting} of {keys} keys never expire"
    if isinstance(sample, str):
        return subject.finding("unknown", f"{message}; which is not known: {sample}")

    if sample.names:
        message += f": {list_some([*map(_key_name, sample.names)], len(sample.names))}"
    if sample.is_partial:
        message += f" (of the first {sample.scanned} keys)"
    limits = Limits.of(instance.aspects["keys_without_expiry"])

    return subject.measured(share, limits, message, "set an expiry on them", unit="%")


def must_expire(instance: Instance, sample: KeySample | str) -> Iterator[Finding]:
    """Yield how many keys never expire although the profile says that they must."""
    aspect = "keys_without_expiry"
    patterns = instance.aspects[aspect]["must_expire"]
    if not patterns:
        return

    ids = instance.subject(aspect).requirements
    subject = Subject(instance.subject("must_expire").check_id, ids)
    if isinstance(sample, str):
        yield subject.finding("unknown", f"the keys were not looked at: {sample}")
        return

    message = f"{sample.wrong} keys of {list_some(patterns)} never expire"
    if sample.wrong:
        named = sample.names[: sample.wrong]
        message += f": {list_some([*map(_key_name, named)], len(named))}"
    if sample.is_partial:
        message += f" (of the first {sample.scanned} keys)"

    yield subject.measured(sample.wrong, Limits(0), message, "set an expiry on them", unit="keys")


def kernel(instance: Instance, facts: Mapping[str, str] | str) -> Finding:
    """Return the settings of the kernel that Redis warns about; they belong to the whole host."""
    subject = instance.subject("kernel")
    if isinstance(facts, str):
        return subject.finding("unknown", facts)

    return subject.finding(
        "info" if facts else "ok",
        "; ".join(facts.values()) if facts else "the settings of the kernel suit Redis",
    )


def _ids_of_policy(instance: Instance) -> tuple[str, ...]:
    return instance.subject("maxmemory_policy").requirements


def _told(item: AfterRestart) -> str:
    who = "no configuration file sets it"
    if item.line and item.line.follows_include and item.directive == "save":
        who = f"only {item.line.place} counts; after an include, give all pairs in one line"
    elif item.line:
        who = f"{item.line.place} sets it; remove that line"

    return f"{item.directive} to {_shown(item.value)} ({visible(who)})"


def _shown(value: str | None) -> str:
    return f"'{visible(value or '')}'" if not value or " " in value else visible(value)


def _key_name(name: str) -> str:
    return limit_text(visible(name), _LONGEST_NAME)
