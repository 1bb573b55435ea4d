# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where container engines keep the logs of containers with some names."""

from __future__ import annotations

import fnmatch
import json
import typing as t
from pathlib import Path

from .errors import UnreadableError, shown_path

_ID: t.Final = frozenset("0123456789abcdef")


class ContainerLog(t.NamedTuple):
    """A log file, and whether Docker wrote it (else Podman)."""

    path: Path
    docker: bool


def find(patterns: t.Iterable[str], roots: t.Iterable[str]) -> list[ContainerLog]:
    """Return the logs of the containers whose names fit a shell pattern.

    Raises UnreadableError for none.

    Compose puts a number behind a name, so ``shop-api*`` finds all instances.
    """
    named: dict[str, list[ContainerLog]] = {}
    seen = [Path(root) for root in roots if Path(root).is_dir()]
    if not seen:
        raise UnreadableError("no container engine keeps its logs in files on this host")

    for root in seen:
        for name, log in (*_docker(root), *_podman(root)):
            named.setdefault(name, []).append(log)

    found = []

    for pattern in patterns:
        fitting = [
            log
            for name, logs in named.items()
            if fnmatch.fnmatchcase(name, pattern)
            for log in logs
        ]
        if not fitting:
            raise UnreadableError(f"no container is called {pattern!r}")

        found += fitting

    return sorted(set(found))


def _docker(root: Path) -> t.Iterator[tuple[str, ContainerLog]]:
    for settings in root.glob("*/config.v2.json"):
        identity = settings.parent.name
        described = _json(settings)
        if isinstance(described, dict) and set(identity) <= _ID:
            name = str(described.get("Name", "")).lstrip("/")
            yield name, ContainerLog(settings.parent / f"{identity}-json.log", True)


def _podman(root: Path) -> t.Iterator[tuple[str, ContainerLog]]:
    listed = root / "containers.json"
    described = _json(listed) if listed.is_file() else []
    for entry in described if isinstance(described, list) else []:
        identity = str(entry.get("id", "")) if isinstance(entry, dict) else ""
        if identity and set(identity) <= _ID:
            log = ContainerLog(root / identity / "userdata" / "ctr.log", False)
            yield from ((str(name), log) for name in entry.get("names") or [])


def _json(path: Path) -> t.Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableError(f"'{shown_path(path)}' cannot be read: {error}") from error
