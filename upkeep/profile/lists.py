# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lists of a profile, each checked by the very parser that gets it on the host."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import typing as t
from collections.abc import Callable, Iterator, Mapping

from ansible.module_utils.upkeep.base.options import Options, entry_place, nearest

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known

#: Package -> its option -> the variable of a profile that becomes this option.
LISTS: t.Final[Mapping[str, Mapping[str, str]]] = {
    "app_tests": {"suites": "system_test_suites", "setup": "system_test_setup"},
    "backup": {
        "artefacts": "system_backup_artefacts",
        "retention": "system_backup_retention",
    },
    "cache_maintenance": {
        "file_caches": "system_file_caches",
        "redis_caches": "system_redis_caches",
        "warmings": "system_cache_warmings",
        "scrapers": "system_scrapers",
        "leftovers": "system_leftovers",
    },
    "data_quality": {"checks": "system_data_quality"},
    "failover_test": {"services": "system_failover_tests"},
    "health_check": {"checks": "system_health_checks"},
    "log_review": {"sources": "system_log_reviews"},
    "log_rotation": {"logs": "system_log_files"},
    "model_update": {"models": "system_updated_models"},
    "model_verification": {"models": "system_models", "folders": "system_model_folders"},
    "postgresql": {"databases": "system_databases"},
    "predictor_deploy": {"app": "system_application"},
    "preflight": {
        "required_paths": "system_required_paths",
        "python_modules": "system_python_modules",
        "legacy_patterns": "system_legacy_patterns",
    },
    "redis_tune": {"instances": "system_redis"},
    "rollback": {"app": "system_application", "caches": "system_rollback_caches"},
    "self_heal": {"units": "system_self_heal", "checks": "system_health_checks"},
    "task_queue": {"applications": "system_task_queue"},
    "sqlite": {"databases": "system_sqlite_databases"},
}

_UTILS: t.Final = "ansible.module_utils.upkeep"
#: A value for an option that a module requires and that its role fills in, not the profile.
_STAND_INS: t.Final[Mapping[str, t.Any]] = {
    "str": "x",
    "path": "/x",
    "int": 1,
    "float": 1.0,
    "list": [],
    "dict": {},
}


class Package(t.NamedTuple):
    """A package that checks lists of a profile."""

    variables: Mapping[str, str]
    options: Options
    parse: Callable[[Mapping[str, t.Any]], t.Any]


@functools.cache
def packages() -> Mapping[str, Package]:
    """Return the packages by name; all that they need is imported here, once for all hosts."""
    return {name: _package(name) for name in LISTS}


def variables() -> frozenset[str]:
    """Return the variables of a profile that packages check."""
    return frozenset(variable for options in LISTS.values() for variable in options.values())


def problems(profile: Mapping[str, t.Any], components: t.Collection[str]) -> list[str]:
    """Return what is wrong with the lists of a profile, one sentence for each place."""
    found = [line for name in packages() for line in _package_problems(name, profile)]
    found += [line for name in variables() for line in _strays(name, profile, components)]

    # Two packages that get the same list say the same about it.
    return sorted(set(found))


def _package_problems(name: str, profile: Mapping[str, t.Any]) -> list[str]:
    names, options, parse = packages()[name]
    given = {option: profile[variable] for option, variable in names.items() if variable in profile}
    if not given:
        return []

    required = {key for key, option in options.items() if option.get("required")}
    stand_ins = {key: _STAND_INS[options[key]["type"]] for key in required - given.keys()}

    try:
        parse({**stand_ins, **given})
    except ValueError as error:
        return [_in_profile(line, names) for line in str(error).splitlines()]

    return []


def _in_profile(line: str, names: Mapping[str, str]) -> str:
    """Return a sentence on an option with the profile's name for it."""
    for option, variable in names.items():
        if line.startswith(option) and not line[len(option) : len(option) + 1].isidentifier():
            return variable + line.removeprefix(option)

    return line


def _strays(
    variable: str, profile: Mapping[str, t.Any], components: t.Collection[str]
) -> Iterator[str]:
    """Yield a sentence for each entry of a component that no system can have."""
    entries = profile.get(variable)
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        component = entry.get("component") if isinstance(entry, Mapping) else None
        if isinstance(component, str) and component not in components:
            place = entry_place(variable, entry, position)
            yield f"{place}.component is {component!r}; {nearest(component, components)}"


def _package(name: str) -> Package:
    options, settings = (_module(name, part) for part in ("options", "settings"))
    if importlib.util.find_spec(f"{_UTILS}.{name}.kinds"):
        # Each is imported when it is first used, which would be in the process of each host.
        list(_module(name, "kinds").KINDS.values())

    return Package(LISTS[name], options.OPTIONS, settings.parse)


def _module(package: str, name: str) -> t.Any:
    return importlib.import_module(f"{_UTILS}.{package}.{name}")
