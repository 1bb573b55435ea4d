# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done to a server: settings set and written down, memory given back."""

from __future__ import annotations

import contextlib
import time
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..base.files import mode_of, narrow_mode, reason_of
from ..base.redis_client import RedisClient, RedisError, RedisLogin, RedisReplyError
from ..base.text import limit_text, visible
from .config_file import ConfigFileError, ConfigLine, deciding_line, read_config
from .facts import RedisFacts, parse_info
from .planning import MIB, SettingDecision, is_defragmentation_due, purge_bytes
from .settings import Instance, bytes_of

#: Seconds between two looks at a defragmentation.
PAUSE: t.Final = 0.5
#: Seconds within which Redis renews the figures of its allocator.
SAMPLED: t.Final = 0.3
#: Directives that must not stand in two files.
_NOT_TWICE: t.Final = ("user", "loadmodule")
#: What Redis does where its file says nothing about a directive.
_BUILT_IN: t.Final = {"maxmemory": "0", "maxmemory-policy": "noeviction"}
_SAVE_SINCE_7: t.Final = "3600 1 300 100 60 10000"
_SAVE_BEFORE: t.Final = "900 1 300 10 60 10000"


@dataclass(frozen=True)
class TuneAction:
    """One thing that was done, or in check mode would be."""

    instance: str
    action: str
    detail: str
    status: str
    message: str = ""


@dataclass(frozen=True)
class AfterRestart:
    """What a setting will be after a restart; ``line`` sets it, None where no file does.

    ``can_be_written`` tells whether CONFIG REWRITE can change that.
    """

    directive: str
    value: str
    line: ConfigLine | None
    can_be_written: bool


def apply(
    redis: RedisClient, instance: Instance, decision: SettingDecision, check_mode: bool
) -> TuneAction:
    """Set one setting of the running server."""
    detail = f"{decision.directive} {decision.current or 'nothing'} -> {decision.desired}"
    if check_mode:
        return TuneAction(instance.name, "config_set", detail, "planned")

    try:
        redis.ask("CONFIG", "SET", decision.directive, decision.desired)
    except RedisReplyError as error:
        return TuneAction(instance.name, "config_set", detail, "failed", str(error))

    return TuneAction(instance.name, "config_set", detail, "done")


def after_restart(instance: Instance, facts: RedisFacts) -> list[AfterRestart] | str:
    """Return what the file gives each setting that the profile names, or why that is not known."""
    path = facts.info.get("config_file", "")
    if not path.startswith("/"):
        return "the server runs without a configuration file, so a restart loses what is set"
    if not instance.login.is_local:
        return f"{path} is on another host, so what a restart would change is not known"

    try:
        lines = read_config(path)
    except ConfigFileError as error:
        return str(error)

    return [
        _after_restart(lines, facts, directive, desired)
        for directive, desired in instance.server_settings.items()
    ]


def rewrite_problem(redis: RedisClient, instance: Instance, facts: RedisFacts) -> str:
    """Return why the server must not write its own file (CONFIG REWRITE), '' when it may.

    CONFIG REWRITE copies users and modules of included files and of the command line into the file;
    Redis then finds them twice and does not start. It writes each pair of ``save`` on a line of its
    own, and of such lines after an include only the last one counts.
    """
    path = facts.info.get("config_file", "")
    if not path.startswith("/"):
        return "the server has no configuration file"
    if not instance.login.is_local:
        return ""

    try:
        lines = read_config(path)
    except ConfigFileError as error:
        return str(error)

    for line in lines:
        if line.path != path and line.name in _NOT_TWICE:
            return (
                f"{line.place} holds '{line.name}'; in {path} as well, it keeps Redis from starting"
            )
    if problem := _undeclared(redis, lines):
        return f"{problem}; where the command line does, a written file keeps Redis from starting"

    save = instance.server_settings.get("save", facts.config.get("save", ""))
    if len(save.split()) > 2 and save != _built_in(facts, "save") and _includes(lines, path):
        return (
            f"{path} includes other files; of several 'save' lines after them only the last counts"
        )

    return ""


def _undeclared(redis: RedisClient, lines: Sequence[ConfigLine]) -> str:
    """Return which user or module of the server no file declares, '' for none.

    What this login may not list, or this version of Redis does not have, counts as declared.
    """
    users, modules = redis.ask_all([("ACL", "USERS"), ("MODULE", "LIST")])
    declared = [line.value.split(" ")[0] for line in lines if line.name == "user"]
    if isinstance(users, list) and not any(line.name == "aclfile" for line in lines):
        found = next((user for user in users if user not in ("default", *declared)), None)
        if found is not None:
            return f"no file declares the user '{visible(limit_text(str(found), 60))}'"

    loaded = sum(map(_is_from_file, modules)) if isinstance(modules, list) else 0
    written = sum(line.name == "loadmodule" for line in lines)
    if loaded > written:
        return f"{loaded} modules are loaded and the files declare {written}"

    return ""


def _is_from_file(module: t.Any) -> bool:
    """Return whether a module is one that CONFIG REWRITE writes.

    Redis 8 has one built in, with an empty path. Before Redis 7 no path is shown.
    """
    fields = module if isinstance(module, list) else []
    shown = dict(zip(fields[::2], fields[1::2], strict=False))

    return bool(shown.get("path", "unknown"))


def differing(
    found: Sequence[AfterRestart], decisions: Sequence[SettingDecision]
) -> list[AfterRestart]:
    """Return the settings that the server shall have and would lose by a restart."""
    desired = {item.directive: item.desired for item in decisions if not item.refusal}

    return [
        item
        for item in found
        if desired.get(item.directive, item.value).split() != item.value.split()
    ]


def rewrite(
    redis: RedisClient, instance: Instance, facts: RedisFacts, check_mode: bool
) -> TuneAction:
    """Have the server write what it runs with to its own file.

    Redis replaces the file by one that others may read where its umask allows that, and a password
    may be in it: the file gets no more rights than it had.
    """
    if problem := rewrite_problem(redis, instance, facts):
        return TuneAction(instance.name, "config_rewrite", "", "not_possible", problem)
    if check_mode:
        return TuneAction(instance.name, "config_rewrite", "", "planned")

    path = facts.info["config_file"]
    try:
        mode = mode_of(path) if instance.login.is_local else None
        redis.ask("CONFIG", "REWRITE")
        if mode is not None:
            narrow_mode(path, mode)
    except RedisReplyError as error:
        return TuneAction(instance.name, "config_rewrite", "", "failed", str(error))
    except OSError as error:
        message = f"the rights to {path} could not be kept: {reason_of(error)}"
        return TuneAction(instance.name, "config_rewrite", "", "failed", message)

    return TuneAction(instance.name, "config_rewrite", "", "done")


def purge(
    redis: RedisClient, instance: Instance, facts: RedisFacts, check_mode: bool
) -> tuple[TuneAction, float]:
    """Have the allocator give free pages back; return the action and the bytes that it kept."""
    if check_mode:
        return TuneAction(instance.name, "memory_purge", "", "planned"), 0.0

    try:
        redis.ask("MEMORY", "PURGE")
    except RedisReplyError as error:
        return TuneAction(instance.name, "memory_purge", "", "failed", str(error)), 0.0

    time.sleep(SAMPLED)
    after = RedisFacts(parse_info(redis.ask("INFO", "memory") or ""), facts.config, "", "")
    kept = max(purge_bytes(after), 0.0)
    message = f"{(purge_bytes(facts) - kept) / MIB:.1f} MiB given back"

    return TuneAction(instance.name, "memory_purge", "", "done", message), kept


def defragment(instance: Instance, facts: RedisFacts, check_mode: bool) -> TuneAction | None:
    """Defragment for a limited time; None where the server does that by itself already.

    Raises RedisError when the server is lost meanwhile.
    """
    if facts.config.get("activedefrag") == "yes":
        return None
    if problem := _defragment_problem(instance.login):
        return TuneAction(instance.name, "defragment", "", "not_possible", problem)
    if check_mode:
        return TuneAction(instance.name, "defragment", "", "planned")

    seconds = float(instance.aspects["fragmentation"]["seconds"])
    with RedisClient(instance.login, Deadline(seconds + 30)) as redis:
        redis.ask("CONFIG", "SET", "activedefrag", "yes")

        try:
            _wait_until_dense(redis, instance, facts, Deadline(seconds))
        finally:
            _switch_off(instance.login)

    return TuneAction(instance.name, "defragment", "", "done")


def _defragment_problem(login: RedisLogin) -> str:
    """Return why a server cannot defragment, '' when it can; raises RedisError.

    It is switched on and off as one, so that the server does nothing in between.
    """
    switches = [("CONFIG", "SET", "activedefrag", value) for value in ("yes", "no")]
    with RedisClient(login, Deadline(10)) as redis:
        done = redis.ask_all([("MULTI",), *switches, ("EXEC",)])[-1]

    if isinstance(done, RedisReplyError):
        return str(done)
    if isinstance(done[0], RedisReplyError):
        return "this build of Redis cannot defragment; only a restart frees the memory"

    return ""


def _wait_until_dense(
    redis: RedisClient, instance: Instance, facts: RedisFacts, deadline: Deadline
) -> None:
    while not deadline.is_over():
        time.sleep(min(PAUSE, deadline.left))
        info = parse_info(redis.ask("INFO", "memory") or "")
        if not is_defragmentation_due(instance, RedisFacts(info, facts.config, "", "")):
            return


def _switch_off(login: RedisLogin) -> None:
    """Switch defragmentation off by a new connection, since the first one may be broken."""
    with contextlib.suppress(RedisError, TimeoutError), RedisClient(login, Deadline(10)) as redis:
        redis.ask("CONFIG", "SET", "activedefrag", "no")


def _after_restart(
    lines: Sequence[ConfigLine], facts: RedisFacts, directive: str, desired: str
) -> AfterRestart:
    line = deciding_line(lines, directive)
    built_in = _built_in(facts, directive)
    value = line.value if line else built_in
    main = facts.info["config_file"]

    # CONFIG REWRITE changes a line of the main file where it stands, and adds a missing one at its
    # end, but for what is built in.
    has_line = any(item.path == main and item.name == directive for item in lines)
    can_be_written = line is None or line.path == main or not (has_line or desired == built_in)

    return AfterRestart(directive, _as_shown(directive, value), line, can_be_written)


def _includes(lines: Sequence[ConfigLine], main: str) -> bool:
    """Return whether the main file includes others."""
    return any(line.path != main for line in lines)


def _built_in(facts: RedisFacts, directive: str) -> str:
    if directive != "save":
        return _BUILT_IN[directive]

    major = facts.info.get("redis_version", "7").partition(".")[0]

    return _SAVE_BEFORE if major.isdigit() and int(major) < 7 else _SAVE_SINCE_7


def _as_shown(directive: str, value: str) -> str:
    """Return a value of the file as CONFIG GET would give it."""
    if directive == "maxmemory":
        try:
            return str(bytes_of(value))
        except (ValueError, KeyError):
            return value

    return value.lower() if directive == "maxmemory-policy" else value
