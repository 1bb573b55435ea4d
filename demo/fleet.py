# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The definition in fleet.yml as checked, typed values, with names and folders."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import yaml

from .errors import DemoError

PROJECT: t.Final = Path(__file__).resolve().parent.parent
DEFINITION: t.Final = PROJECT / "demo" / "fleet.yml"
DEFAULT: t.Final = "default"
SSH: t.Final = 22

_NAME: t.Final = re.compile(r"^[a-z][a-z0-9_-]{0,40}$")
_HOST_KEYS: t.Final = {
    "system",
    "components",
    "needs",
    "publish",
    "settings",
    "public",
    "health",
    "variables",
}
COMPONENTS: t.Final = {
    "app",
    "web",
    "postgresql",
    "redis",
    "celery",
    "sqlite",
    "models",
    "store",
    "control",
}


class Health(t.NamedTuple):
    """What must answer 200: a port inside the container and a path."""

    port: int
    path: str


class Host(t.NamedTuple):
    """One host; ``publish`` maps ports of the container to fixed ports on loopback.

    ``public`` is the port of the container where others ask the system, None for nowhere.
    ``has_history`` tells whether the host gets the fleet's history.
    """

    name: str
    system: str
    components: tuple[str, ...]
    needs: tuple[str, ...]
    publish: dict[int, int]
    settings: dict[str, t.Any]
    public: int | None
    health: Health | None
    variables: dict[str, t.Any]
    has_history: bool


class Image(t.NamedTuple):
    """Where images are named, what the base carries, and inventory variables per release."""

    repository: str
    suite: str
    suites: dict[str, dict[str, t.Any]]
    base_packages: tuple[str, ...]


class HistoryPlan(t.NamedTuple):
    """How far back rows and logs go, in days, and what they are made from."""

    seed: int
    days: int
    log_days: int


class Definition(t.NamedTuple):
    """The whole of fleet.yml."""

    image: Image
    history: HistoryPlan
    hosts: dict[str, Host]


class Fleet(t.NamedTuple):
    """Some hosts of the definition running under one name, with a folder for keys and the like.

    ``history`` is what the hosts are given at their first start, None for nothing but the rows of
    the image.
    """

    name: str
    hosts: tuple[Host, ...]
    folder: Path
    history: HistoryPlan | None = None

    @property
    def network(self) -> str:
        """Name of the podman network, on which hosts find each other by name."""
        return f"upkeep-{self.name}"

    @property
    def fixed_ports(self) -> bool:
        """Whether the ports are those of fleet.yml.

        Other fleets take free ones, so that they can run side by side.
        """
        return self.name == DEFAULT

    @property
    def inventory(self) -> Path:
        """The inventory file: committed for the default fleet, else in the fleet's folder."""
        return (
            PROJECT / "inventory" / "demo.yml"
            if self.fixed_ports
            else self.folder / "inventory" / "hosts.yml"
        )

    def container(self, host: str) -> str:
        """Name of the host's container."""
        return f"upkeep-{self.name}-{host}"


def load(path: Path = DEFINITION) -> Definition:
    """Return the checked definition; raises DemoError that names the entry which does not fit."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    image, systems = data["image"], data["systems"]
    hosts = {name: _host(name, entry, systems) for name, entry in data["hosts"].items()}

    for host in hosts.values():
        for needed in host.needs:
            if needed not in hosts:
                raise DemoError(f"fleet.yml: host {host.name} needs {needed}, which is not defined")

    _check_ports(hosts.values())

    return Definition(
        Image(image["repository"], image["suite"], image["suites"], tuple(image["base_packages"])),
        _history(data["history"]),
        hosts,
    )


def _history(entry: dict[str, t.Any]) -> HistoryPlan:
    if set(entry) != set(HistoryPlan._fields) or any(
        type(value) is not int or value < 1 for value in entry.values()
    ):
        raise DemoError(
            f"fleet.yml: history needs {', '.join(HistoryPlan._fields)}, each a number from 1 on"
        )

    return HistoryPlan(**entry)


def _host(name: str, entry: dict[str, t.Any], systems: dict[str, dict[str, t.Any]]) -> Host:
    unknown = set(entry) - _HOST_KEYS
    if unknown:
        raise DemoError(
            f"fleet.yml: host {name} has unknown keys {sorted(unknown)}; "
            f"known: {sorted(_HOST_KEYS)}"
        )
    if not _NAME.match(name):
        raise DemoError(
            f"fleet.yml: {name!r} is not a host name (lower case letters, digits, hyphens)"
        )
    if entry["system"] not in systems:
        raise DemoError(
            f"fleet.yml: host {name} belongs to system {entry['system']!r}, which is not defined"
        )

    strange = set(entry["components"]) - COMPONENTS
    if strange:
        raise DemoError(
            f"fleet.yml: host {name} has unknown components {sorted(strange)}; "
            f"known: {sorted(COMPONENTS)}"
        )
    if SSH not in entry["publish"]:
        raise DemoError(f"fleet.yml: host {name} must publish port {SSH}, Ansible reaches it there")

    health = Health(**entry["health"]) if "health" in entry else None
    if health and health.port not in entry["publish"]:
        raise DemoError(
            f"fleet.yml: host {name} must publish port {health.port}, its health is asked there"
        )

    if entry.get("public", SSH) not in entry["publish"]:
        raise DemoError(f"fleet.yml: host {name} must publish port {entry['public']}, it is public")

    settings = {**systems[entry["system"]], **entry.get("settings", {})}

    return Host(
        name=name,
        system=entry["system"],
        components=tuple(entry["components"]),
        needs=tuple(entry.get("needs", ())),
        publish=dict(entry["publish"]),
        has_history=settings.pop("history", True),
        settings=settings,
        public=entry.get("public"),
        health=health,
        variables=dict(entry.get("variables", {})),
    )


def _check_ports(hosts: t.Iterable[Host]) -> None:
    owners: dict[int, str] = {}
    for host in hosts:
        for port in host.publish.values():
            if port in owners:
                raise DemoError(
                    f"fleet.yml: port {port} is published by both {owners[port]} and {host.name}"
                )
            owners[port] = host.name


def without_services(fleet: Fleet) -> Fleet:
    """Return the fleet as its hosts are before anybody has installed a system on them."""
    bare = (host._replace(components=(), settings={}, health=None) for host in fleet.hosts)
    return fleet._replace(hosts=tuple(bare))


def select(definition: Definition, name: str, wanted: t.Iterable[str], state: Path) -> Fleet:
    """Return the fleet of the wanted hosts (all when none is named) and of those that they need."""
    if not _NAME.match(name):
        raise DemoError(
            f"{name!r} is no fleet name (lower case letters, digits, hyphens, underscores)"
        )

    pending = list(wanted) or list(definition.hosts)
    chosen: set[str] = set()

    while pending:
        host = pending.pop()
        if host not in definition.hosts:
            raise DemoError(
                f"no host {host!r} in demo/fleet.yml; known: {', '.join(definition.hosts)}"
            )

        if host not in chosen:
            chosen.add(host)
            pending.extend(definition.hosts[host].needs)

    return Fleet(
        name, tuple(host for host in definition.hosts.values() if host.name in chosen), state / name
    )
