# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trusted records of the demo's models, made from the image and never from a host."""

from __future__ import annotations

import datetime as dt
import tempfile
import typing as t
from pathlib import Path

import yaml

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.model_verification.run import run
from ansible.module_utils.upkeep.model_verification.settings import parse

from upkeep.actions.approved_files import RecordsError
from upkeep.actions.model_manifest import Manifest, render
from upkeep.actions.model_manifest import parse as parse_manifest

from .engine import podman
from .errors import DemoError
from .files import write_atomically
from .fleet import PROJECT, Fleet, Host

FOLDER: t.Final = "model_manifests"
APPROVED_BY: t.Final = "the demo image"
SHARE: t.Final = "/usr/local/lib/demo"
PROFILES: t.Final = PROJECT / "inventory" / "group_vars"
#: What the profile's entries say that making a record does not need.
_NOT_FOR_RECORDS: t.Final = ("in_use", "limits", "drift", "cadences")


def path(fleet: Fleet, system: str) -> Path:
    """Return the manifest of a system in this fleet."""
    return fleet.folder / FOLDER / f"{system}.yml"


def ensure(fleet: Fleet, image: str, fresh: t.Collection[str]) -> list[str]:
    """Write the manifests of systems of which a host was just made, or that have none.

    Return their names.

    Others keep theirs: somebody may have approved another model since.
    """
    carriers = {host.system: host for host in fleet.hosts if "models" in host.components}
    new = {host.system for host in fleet.hosts if host.name in fresh}
    wanted = [system for system in carriers if system in new or not _is_usable(path(fleet, system))]

    for system in wanted:
        with tempfile.TemporaryDirectory(prefix="upkeep-models-") as name:
            home = Path(name)
            _copy(image, carriers[system], home)
            records = record(profile(system), carriers[system].settings["home"], home)
        write_atomically(path(fleet, system), render(_manifest(system, records)))

    return wanted


def _is_usable(file: Path) -> bool:
    """Return whether there is a manifest of today's form."""
    try:
        parse_manifest(file.read_bytes(), file)
    except (FileNotFoundError, RecordsError):
        return False

    return True


def _manifest(system: str, records: dict[str, t.Any]) -> Manifest:
    today = dt.datetime.now(dt.UTC).date().isoformat()

    return Manifest(system, 1, today, dict(sorted(records.items())))


def profile(system: str) -> list[dict[str, t.Any]]:
    """Return the models that a system's profile names."""
    data = yaml.safe_load((PROFILES / system / "models.yml").read_text(encoding="utf-8"))
    models: list[dict[str, t.Any]] = data["system_models"]
    return models


def _copy(image: str, host: Host, home: Path) -> None:
    """Copy what the first boot gives the home of a host, from the image."""
    container = podman("create", "--network=none", image, "/bin/true").stdout.strip()
    try:
        folders = {
            SHARE + "/home/" + host.system: home,
            SHARE + "/models/" + host.system: home / host.settings["models"],
        }
        for source, target in folders.items():
            target.mkdir(parents=True, exist_ok=True)
            # Not every system has files of its own in its home.
            podman("cp", f"{container}:{source}/.", str(target), check="/models/" in source)
    finally:
        podman("rm", "--force", container)


def record(models: t.Sequence[dict[str, t.Any]], root: str, copy: Path) -> dict[str, t.Any]:
    """Return the records of models whose files lie under ``copy`` instead of ``root``.

    Raises DemoError.
    """
    moved = [_moved(model, root, copy) for model in models]
    values = {"models": moved, "state": "recorded", "approved_by": APPROVED_BY}
    answer = run(parse(values))
    records: dict[str, t.Any] = answer["record"]
    missing = sorted({model["name"] for model in models} - set(records))
    if missing:
        raise DemoError(
            f"the image holds no file for the model {missing[0]!r} of its system's profile"
        )

    return records


def _moved(model: dict[str, t.Any], root: str, copy: Path) -> dict[str, t.Any]:
    if model.get("root") != root:
        raise DemoError(
            f"models.yml: {model['name']!r} must have the root {root}, the home of its system"
        )

    return {key: value for key, value in model.items() if key not in _NOT_FOR_RECORDS} | {
        "root": str(copy)
    }
