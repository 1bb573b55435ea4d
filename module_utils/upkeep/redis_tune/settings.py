# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what tuning Redis takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ..base import options
from ..base.redis_client import RedisLogin, redis_login
from ..base.text import duplicates
from ..findings import Subject
from .options import OPTIONS

#: Options of an instance that are settings of the server, in the order in which they are set: a
#: policy needs a limit.
SERVER_SETTINGS: t.Final = {
    "maxmemory": "maxmemory",
    "maxmemory_policy": "maxmemory-policy",
    "save": "save",
}
ASPECTS: t.Final = (
    *SERVER_SETTINGS,
    "fragmentation",
    "memory",
    "hit_ratio",
    "slow_log",
    "clients",
    "keys_without_expiry",
    "kernel",
)
_UNITS: t.Final = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1 << 10,
    "m": 1000**2,
    "mb": 1 << 20,
    "g": 1000**3,
    "gb": 1 << 30,
}


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem, naming instance, key and limit."""


@dataclass(frozen=True)
class Instance:
    """One Redis server.

    ``aspects`` holds the options of each aspect that is looked after, ``server_settings`` the
    values that the server shall have, by their names in redis.conf and as CONFIG GET gives them.
    """

    name: str
    purpose: str
    login: RedisLogin
    aspects: Mapping[str, Mapping[str, t.Any]]
    server_settings: Mapping[str, str]
    requirements: tuple[str, ...]

    @property
    def extra_seconds(self) -> float:
        """What defragmenting and scanning may take beyond the answers of the server."""
        return float(sum(options.get("seconds", 0) for options in self.aspects.values()))

    def subject(self, aspect: str = "") -> Subject:
        """Return what a finding on an aspect is about; its own ids, else those of the instance."""
        own = tuple(self.aspects.get(aspect, {}).get("requirements", ()))
        check = f"redis_tune:{self.name}" + (f".{aspect}" if aspect else "")

        return Subject(check, own or self.requirements)


@dataclass(frozen=True)
class Settings:
    """All that one call of the module is given."""

    instances: tuple[Instance, ...]
    state_file: str
    timeout: float
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings for the values of the options; raises SettingsError."""
    try:
        filled = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None

    if problems := [*_duplicates(filled["instances"]), *_problems(filled["instances"])]:
        raise SettingsError("\n".join(problems))

    here = filled["components"]
    instances = tuple(
        _instance(entry)
        for entry in filled["instances"]
        if here is None or entry["component"] is None or entry["component"] in here
    )

    return Settings(instances, filled["state_file"], filled["timeout"], filled["max_seconds"])


def bytes_of(text: str) -> int:
    """Return the number of bytes of a size as redis.conf has it; raises ValueError."""
    digits = text.rstrip("bkmgBKMG")

    return int(digits) * _UNITS[text[len(digits) :].lower()]


def _duplicates(entries: t.Iterable[Mapping[str, t.Any]]) -> list[str]:
    return [
        f"instances: duplicate name {name!r}; give each server a name of its own"
        for name in duplicates(entry["name"] for entry in entries)
    ]


def _problems(entries: t.Iterable[Mapping[str, t.Any]]) -> list[str]:
    found = []
    for entry in entries:
        place = f"instances '{entry['name']}'"
        if entry["save"] and not entry["save"]["value"] and entry["purpose"] != "cache":
            found.append(
                f"{place}.save is empty; a {entry['purpose']} would lose tasks at a restart"
            )
        if entry["username"] and not entry["password"]:
            found.append(f"{place}.username needs a password")
        if entry["ca_file"] and not entry["tls"]:
            found.append(f"{place}.ca_file needs tls: true")

    return found


def _instance(entry: Mapping[str, t.Any]) -> Instance:
    aspects = {name: entry[name] for name in ASPECTS if entry[name] is not None}

    return Instance(
        name=entry["name"],
        purpose=entry["purpose"],
        login=redis_login(entry),
        aspects=aspects,
        server_settings={
            directive: _as_shown(name, aspects[name]["value"])
            for name, directive in SERVER_SETTINGS.items()
            if name in aspects
        },
        requirements=tuple(entry["requirements"]),
    )


def _as_shown(name: str, value: str) -> str:
    return str(bytes_of(value)) if name == "maxmemory" else value
