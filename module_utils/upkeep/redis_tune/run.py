# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all Redis servers of a host."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import asdict

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisError, RedisReplyError
from ..base.state_file import StateFileError
from ..findings import Finding, finding
from . import findings as report
from . import kernel, state
from .execution import (
    AfterRestart,
    TuneAction,
    after_restart,
    apply,
    defragment,
    differing,
    purge,
    rewrite,
)
from .facts import RedisFacts, collect, parse_info
from .keys import KeySample, find_lasting
from .planning import SettingDecision, decide, is_defragmentation_due, is_purge_due
from .settings import Instance, Settings
from .state import Counters, SavedCounters


class TuneOutcome(t.NamedTuple):
    """What one server gave."""

    findings: list[Finding]
    actions: list[TuneAction]
    counters: SavedCounters | None


def run(settings: Settings, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer: what was done and seen on all servers."""
    before = state.load(settings.state_file)
    outcomes = {
        instance.name: tune(instance, settings, before.get(instance.name), check_mode)
        for instance in settings.instances
    }
    findings = [item for outcome in outcomes.values() for item in outcome.findings]
    actions = [item for outcome in outcomes.values() for item in outcome.actions]
    if not settings.instances:
        message = "No Redis server is named for this host: nothing to tune."
        findings = [finding("redis_tune:none", "info", message)]
    if not check_mode:
        findings += _keep(settings, before, outcomes)

    return {
        "changed": any(action.status in ("done", "planned") for action in actions),
        "actions": [asdict(action) for action in actions],
        "findings": findings,
        "diff": _diff(actions),
    }


def tune(
    instance: Instance, settings: Settings, before: SavedCounters | None, check_mode: bool
) -> TuneOutcome:
    """Tune one server; a server that does not answer is a finding, not an error."""
    actions: list[TuneAction] = []
    try:
        seconds = settings.timeout + instance.extra_seconds
        with RedisClient(instance.login, Deadline(seconds)) as redis:
            return _tuned(redis, instance, before, actions, check_mode)
    except TimeoutError:
        reason = f"it did not answer within {seconds:g} s"
    except RedisError as error:
        reason = str(error)

    return TuneOutcome(report.unreachable(instance, reason), actions, None)


def _tuned(
    redis: RedisClient,
    instance: Instance,
    before: SavedCounters | None,
    actions: list[TuneAction],
    check_mode: bool,
) -> TuneOutcome:
    facts = collect(redis)
    findings = [report.answered(instance, facts)]
    findings += _settings(redis, instance, facts, actions, check_mode)
    kept = state.kept_bytes(before, facts)
    if "fragmentation" in instance.aspects:
        found, kept = _fragmentation(redis, instance, facts, kept, actions, check_mode)
        findings.append(found)

    total, slow = _slow_log(redis, instance)
    now = state.current(facts, total if isinstance(slow, str) else _newest(slow, before))
    passed = state.passed(before, now)
    findings += _figures(instance, facts, passed)
    if "slow_log" in instance.aspects:
        findings.append(_judged_slow_log(instance, slow, passed, total))
    if "keys_without_expiry" in instance.aspects:
        sample = _lasting_keys(instance, facts)
        findings.append(report.keys_without_expiry(instance, facts, sample))
        findings += report.must_expire(instance, sample)
    if "kernel" in instance.aspects:
        findings.append(report.kernel(instance, _kernel(instance, facts)))

    # Read once more, so that what this run has looked up does not count in the next one.
    after = RedisFacts(parse_info(redis.ask("INFO") or ""), {}, "", "")

    return TuneOutcome(findings, actions, state.current(after, now.counters.slow_id, kept))


def _settings(
    redis: RedisClient,
    instance: Instance,
    facts: RedisFacts,
    actions: list[TuneAction],
    check_mode: bool,
) -> list[Finding]:
    """Set what differs and have it written down."""
    decisions = decide(instance, facts)
    findings, policy = [], facts.config.get("maxmemory-policy", "")
    for decision in decisions:
        action = apply(redis, instance, decision, check_mode) if decision.is_due else None
        if action:
            actions.append(action)
        if action and action.status == "done" and decision.directive == "maxmemory-policy":
            policy = decision.desired
        findings.append(report.setting(instance, decision, action))

    fits = report.eviction(instance, policy, facts)
    findings += [fits] if fits else []
    if instance.server_settings and not facts.config_problem:
        findings.append(_persistence(redis, instance, facts, decisions, actions, check_mode))

    return findings


def _persistence(
    redis: RedisClient,
    instance: Instance,
    facts: RedisFacts,
    decisions: Sequence[SettingDecision],
    actions: list[TuneAction],
    check_mode: bool,
) -> Finding:
    lost = _lost(instance, facts, decisions)
    rewritten = None
    has_set = any(action.action == "config_set" for action in actions if action.status != "failed")
    has_file = facts.info.get("config_file", "").startswith("/")
    is_due = has_set if isinstance(lost, str) else any(item.can_be_written for item in lost)
    if has_file and is_due:
        rewritten = rewrite(redis, instance, facts, check_mode)
        if rewritten.status != "not_possible":
            actions.append(rewritten)
        lost = _lost(instance, facts, decisions)

    return report.persistence(instance, lost, rewritten)


def _lost(
    instance: Instance, facts: RedisFacts, decisions: Sequence[SettingDecision]
) -> list[AfterRestart] | str:
    found = after_restart(instance, facts)

    return found if isinstance(found, str) else differing(found, decisions)


def _fragmentation(
    redis: RedisClient,
    instance: Instance,
    facts: RedisFacts,
    kept: float,
    actions: list[TuneAction],
    check_mode: bool,
) -> tuple[Finding, float]:
    """Give memory back; return the finding and the bytes that the allocator keeps."""
    done: list[TuneAction] = []
    if is_defragmentation_due(instance, facts):
        action = defragment(instance, facts, check_mode)
        done += [action] if action else []
    if is_purge_due(instance, facts, kept):
        purged, kept = purge(redis, instance, facts, check_mode)
        done.append(purged)

    actions += done

    return report.fragmentation(instance, facts, done), kept


def _figures(instance: Instance, facts: RedisFacts, passed: Counters | None) -> list[Finding]:
    """Return the findings on figures of INFO."""
    found = [report.snapshots(instance, facts), *report.evicted(instance, passed)]
    for aspect in ("memory", "hit_ratio", "clients"):
        if aspect in instance.aspects:
            found.append(getattr(report, aspect)(instance, facts, passed))

    return found


def _slow_log(
    redis: RedisClient, instance: Instance
) -> tuple[int, list[tuple[int, int, str]] | str]:
    """Return the length of the slow log and its newest entries: id, microseconds, command."""
    if "slow_log" not in instance.aspects:
        return 0, "not looked at"

    try:
        total = int(redis.ask("SLOWLOG", "LEN"))
        entries = redis.ask("SLOWLOG", "GET", instance.aspects["slow_log"]["entries"])
        return total, [(int(item[0]), int(item[2]), str(item[3][0])) for item in entries]
    except RedisReplyError as error:
        return 0, str(error)
    except (TypeError, ValueError, IndexError):
        return 0, "the slow log of this server is not like that of Redis"


def _newest(slow: Sequence[tuple[int, int, str]], before: SavedCounters | None) -> float:
    """Return the id of the newest slow command, that of the previous run when the log is empty."""
    return float(slow[0][0]) if slow else (before.counters.slow_id if before else -1.0)


def _judged_slow_log(
    instance: Instance,
    slow: list[tuple[int, int, str]] | str,
    passed: Counters | None,
    total: int,
) -> Finding:
    entries = slow if isinstance(slow, str) else [(micros, name) for _, micros, name in slow]
    new = max(int(passed.slow_id), 0) if passed else None

    return report.slow_log(instance, entries, new, total)


def _lasting_keys(instance: Instance, facts: RedisFacts) -> KeySample | str:
    """Return keys without an expiry, by a connection with a limit of its own."""
    options = instance.aspects["keys_without_expiry"]
    deadline = Deadline(options["seconds"])
    try:
        with RedisClient(instance.login, Deadline(options["seconds"] + 10)) as redis:
            return find_lasting(redis, facts, options, deadline)
    except TimeoutError:
        return "there was not enough time"
    except RedisError as error:
        return str(error)


def _kernel(instance: Instance, facts: RedisFacts) -> dict[str, str] | str:
    if not instance.login.is_local:
        return "the server runs on another host"

    return kernel.unsuitable(facts.config.get("tcp-backlog", ""))


def _keep(
    settings: Settings,
    before: dict[str, SavedCounters],
    outcomes: dict[str, TuneOutcome],
) -> list[Finding]:
    """Keep the counters for the next run; return a finding when that is not possible."""
    seen = {name: outcome.counters for name, outcome in outcomes.items() if outcome.counters}
    if not seen:
        return []

    try:
        state.save(settings.state_file, {**before, **seen})
    except StateFileError as error:
        message = f"the counters cannot be kept for the next run: {error}"
        return [finding("redis_tune:state", "warning", message)]

    return []


def _diff(actions: Sequence[TuneAction]) -> dict[str, str]:
    lines = [f"{action.instance} {action.action} {action.detail}".strip() for action in actions]
    done = [
        line
        for line, action in zip(lines, actions, strict=True)
        if action.status in ("done", "planned")
    ]

    return {"before": "".join(f"due: {line}\n" for line in done), "after": ""}
