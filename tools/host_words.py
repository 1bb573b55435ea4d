# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks of the host itself in words: processes, ports, files, use of its resources."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.health_check.check import Check

NEVER: t.Final = "-"
OTHERWISE: t.Final = "otherwise"

Options = Mapping[str, t.Any]
Row = tuple[str, str, str, str]


def limits(
    warning: float | None, critical: float | None, unit: str, worse: str = "above"
) -> tuple[str, str]:
    """Return the columns for two limits."""
    shown = [
        NEVER if limit is None else f"{worse} {limit:g}{unit}" for limit in (warning, critical)
    ]
    return shown[0], shown[1]


def _limits_of(options: Options, unit: str) -> tuple[str, str]:
    return limits(options["warning"], options["critical"], unit)


def _process(check: Check, options: Options) -> Iterator[Row]:
    what = options["unit"] or options["pid_file"] or options["executable"]
    most = "" if options["at_most"] is None else f", at most {options['at_most']}"
    yield check.id, f"processes of `{what}`: at least {options['at_least']}{most}", NEVER, OTHERWISE


def _listener(check: Check, options: Options) -> Iterator[Row]:
    owner = options["unit"] or options["user"]
    yield (
        check.id,
        f"{f'`{owner}`' if owner else 'something'} listens on port {options['port']}",
        NEVER,
        OTHERWISE,
    )


def _unit_memory(check: Check, options: Options) -> Iterator[Row]:
    yield check.id, f"memory of the processes of `{options['unit']}`", *_limits_of(options, " MB")


def _cpu(check: Check, options: Options) -> Iterator[Row]:
    yield check.id, "use of the processors since the look before", *_limits_of(options, " %")


def _disk_io(check: Check, options: Options) -> Iterator[Row]:
    yield (
        check.id,
        "time in which the busiest disk worked since the look before",
        *_limits_of(options, " %"),
    )


def _network(check: Check, options: Options) -> Iterator[Row]:
    yield (
        check.id,
        "traffic in both directions since the look before",
        *_limits_of(options, " MB/s"),
    )


def _top(check: Check, options: Options) -> Iterator[Row]:
    for aspect, what in (("cpu", "the processors"), ("memory", "memory")):
        yield (
            f"{check.id}.{aspect}",
            f"the {options['count']} processes that use most of {what}",
            NEVER,
            NEVER,
        )


def _file(check: Check, options: Options) -> Iterator[Row]:
    most = "" if options["max_bytes"] is None else f", at most {options['max_bytes']}"
    yield (
        check.id,
        f"`{options['path']}` has at least {options['min_bytes']} bytes{most}",
        NEVER,
        OTHERWISE,
    )
    if options["age_hours"]:
        yield (
            f"{check.id}.age",
            f"hours since `{options['path']}` was written",
            *_limits_of(options["age_hours"], " h"),
        )


def _log_line(check: Check, options: Options) -> Iterator[Row]:
    asked = f"newest line of `{options['path']}` that fits `{options['pattern']}`"
    wanted = "" if options["equals"] is None else f" says `{options['equals']}`"
    missing = {"warning": ("when there is none", OTHERWISE), "critical": (NEVER, OTHERWISE)}
    warning, critical = missing.get(options["missing"], (NEVER, OTHERWISE))
    yield (
        check.id,
        f"{asked}{wanted}",
        warning,
        critical if wanted or options["missing"] == "critical" else NEVER,
    )


def _unix_socket(check: Check, options: Options) -> Iterator[Row]:
    yield check.id, f"`{options['path']}` accepts connections", NEVER, OTHERWISE


def _dns(check: Check, options: Options) -> Iterator[Row]:
    wanted = f" to {', '.join(options['addresses'])}" if options["addresses"] else ""
    yield check.id, f"`{options['host']}` resolves{wanted}", NEVER, OTHERWISE


KINDS: t.Final[Mapping[str, Callable[[Check, Options], Iterator[Row]]]] = {
    "cpu": _cpu,
    "disk_io": _disk_io,
    "dns": _dns,
    "file": _file,
    "listener": _listener,
    "log_line": _log_line,
    "network": _network,
    "process": _process,
    "top": _top,
    "unit_memory": _unit_memory,
    "unix_socket": _unix_socket,
}
