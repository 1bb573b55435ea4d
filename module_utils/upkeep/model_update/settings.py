# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what model_update takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..base import options
from ..base.systemd import is_unit_name
from ..findings import Subject
from ..switching import settings as switching
from ..switching.options import CONFIRMATION
from ..switching.restarting import time_problems
from ..switching.settings import Probe, Server
from .options import OPTIONS

Values = Mapping[str, t.Any]
#: States in which another model may come to serve.
_CHANGING: t.Final = ("measured", "live", "back")


class UpdateOptionError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class MetadataName:
    """The file of figures beside a model, and the names of our figures in it."""

    name: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Evaluation:
    """How a candidate is measured: files are absolute, ``differs_by`` is a share."""

    reference: str
    target: str
    predictor: str
    class_name: str
    r2: float
    worse_by: float
    inputs: str
    last: int
    differs_by: float
    most_different: float
    interpreter: str
    seconds: int
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Training:
    """The command that makes a candidate, the one that tests it, and what they may take."""

    name: str
    command: tuple[str, ...]
    output: str
    test: tuple[str, ...]
    memory_mb: int
    cpu_percent: int
    seconds: int
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class UpdatedModel:
    """A model file that serves; ``folder`` and ``file`` are the parts of its path."""

    name: str
    root: str
    folder: str
    file: str
    metadata: MetadataName | None
    user: str
    evaluation: Evaluation | None
    trainings: tuple[Training, ...]
    server: Server
    workers: tuple[str, ...]
    versions: str
    keep: int
    requirements: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path of the file that serves."""
        return f"{self.folder}/{self.file}"

    @property
    def kept(self) -> str:
        """The folder of its kept versions."""
        return f"{self.versions}/{self.name}"

    @property
    def subject(self) -> Subject:
        """What findings on its updates are about."""
        return Subject(f"model:{self.name}", self.requirements)

    def server_with(self, sha256: str) -> Server:
        """Return the server as it must answer while the model with this checksum serves."""
        return replace(
            self.server, probes=tuple(_probe_for(probe, sha256) for probe in self.server.probes)
        )


@dataclass(frozen=True)
class UpdateSettings:
    """All that one call of the module is given."""

    models: tuple[UpdatedModel, ...]
    name: str
    state: str
    training_name: str
    candidate: str
    candidate_metadata: str
    candidate_owner: int
    sha256: str
    approved_sha256: str
    version: str
    approved_by: str
    silenced_until: str
    max_seconds: int

    @property
    def model(self) -> UpdatedModel:
        """The model that a call is about which does more than look."""
        return next(model for model in self.models if model.name == self.name)

    @property
    def training(self) -> Training:
        """The training that a call with the state V(trained) is about."""
        return next(each for each in self.model.trainings if each.name == self.training_name)


def parse(values: Values) -> UpdateSettings:
    """Return the settings for the values of the options; raises UpdateOptionError."""
    try:
        given = options.parse(OPTIONS, values)
        given["models"] = [_filled(model) for model in given["models"]]
    except options.OptionError as error:
        raise UpdateOptionError(str(error)) from None

    given["name"] = _chosen_name(given["models"], given["name"])
    trainings: Sequence[Values] = next(
        (m["trainings"] for m in given["models"] if m["name"] == given["name"]), []
    )
    given["training"] = _chosen_name(trainings, given["training"])
    if problems := [*_models_problems(given["models"]), *_call_problems(given)]:
        raise UpdateOptionError("\n".join(problems))

    settings = UpdateSettings(
        models=tuple(_model(model) for model in given["models"]),
        name=given["name"],
        state=given["state"],
        training_name=given["training"],
        candidate=given["candidate"] or "",
        candidate_metadata=given["candidate_metadata"] or "",
        candidate_owner=given["candidate_owner"],
        sha256=given["sha256"],
        approved_sha256=given["approved_sha256"],
        version=given["version"],
        approved_by=given["approved_by"].strip(),
        silenced_until=given["silenced_until"],
        max_seconds=given["max_seconds"],
    )
    if settings.state in _CHANGING:
        most, server = settings.max_seconds, settings.model.server
        stops = [server.drain_seconds] * len(settings.model.workers)
        if problem := "".join(time_problems(server, stops, most, "model_update_max_seconds")):
            raise UpdateOptionError(problem)

    return settings


def _filled(model: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a model whose confirmation has its defaults also where it was left out."""
    server = model["server"]
    confirmation = options.fill(CONFIRMATION, server["confirmation"] or {})

    return {**model, "server": {**server, "confirmation": confirmation}}


def _chosen_name(entries: Sequence[Values], name: str) -> str:
    """Return the name of the entry that is meant: the only one's where none is given."""
    only = entries[0]["name"] if len(entries) == 1 else ""

    return str(name or only)


def _models_problems(models: Sequence[Values]) -> Iterator[str]:
    for position, model in enumerate(models):
        yield from _model_problems(model, options.entry_place("models", model, position))

    yield from _duplicates(models, "models")


def _duplicates(entries: Sequence[Values], place: str) -> Iterator[str]:
    names = [entry["name"] for entry in entries]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{place}: duplicate name {name!r}"


def _model_problems(model: Values, place: str) -> Iterator[str]:
    yield from switching.problems(model["server"], f"{place}.server")
    if not model["server"]["listen"]:
        yield f"{place}.server.listen is empty; name where it listens, as in 127.0.0.1:8000"
    if not model["server"]["probes"]:
        yield f"{place}.server.probes is empty; without a probe nothing can be confirmed"
    for unit in model["workers"]:
        if not is_unit_name(unit) or not unit.endswith(".service"):
            yield f"{place}.workers: {unit!r} is not the name of a service"

    evaluation = model["evaluation"] or {}
    paths = {
        "root": model["root"],
        "versions": model["versions"],
        "path": model["path"],
        **{f"evaluation.{key}": evaluation.get(key) or "" for key in ("reference", "predictor")},
        "evaluation.inputs": evaluation.get("inputs") or "",
    }
    for key, path in paths.items():
        if ".." in path.split("/"):
            yield f"{place}.{key} is {path!r}; it must not have '..'"

    if model["user"] == "root":
        yield f"{place}.user is 'root'; a model runs code, name its service user"
    yield from _training_problems(model, f"{place}.trainings")


def _training_problems(model: Values, place: str) -> Iterator[str]:
    yield from _duplicates(model["trainings"], place)
    for training in model["trainings"]:
        own, output = f"{place} {training['name']!r}.output", training["output"]
        if ".." in output.split("/"):
            yield f"{own} is {output!r}; it must not have '..'"
        if output == model["path"]:
            yield f"{own} is the file that serves; let it write another one"
        if model["metadata"] and output.rpartition("/")[0] == model["path"].rpartition("/")[0]:
            yield f"{own} lies beside the metadata that serve; let it write another folder"


def _call_problems(given: Values) -> Iterator[str]:
    for name in ("upload", "upload_metadata"):
        if given[name]:
            yield f"{name} is set; only the action of this name can send a file to the host"
    if given["state"] == "looked":
        return

    model = next((each for each in given["models"] if each["name"] == given["name"]), None)
    if model is None:
        names = ", ".join(each["name"] for each in given["models"]) or "none"
        yield f"name is {given['name']!r}; the models of this host are: {names}"
        return

    if given["state"] in ("measured", "live"):
        if not given["sha256"]:
            yield f"sha256 is empty; state {given['state']} needs the checksum of the candidate"
        if not given["approved_by"].strip():
            yield "approved_by is empty; say who approved the candidate"
        has_model, has_metadata = bool(given["candidate"]), bool(given["candidate_metadata"])
        if model["metadata"] and has_model and not has_metadata:
            yield "candidate_metadata is missing; the figures of the old model would stay"
    if given["state"] == "trained":
        yield from _choice_problems(model, given["training"])


def _choice_problems(model: Values, name: str) -> Iterator[str]:
    names = [each["name"] for each in model["trainings"]]
    if not names:
        yield f"models {model['name']!r}.trainings is empty; state trained needs a command"
    elif name not in names:
        yield f"training is {name!r}; those of {model['name']!r} are: {', '.join(names)}"


def _model(given: Values) -> UpdatedModel:
    root = given["root"].rstrip("/")
    folder, _, file = f"{root}/{given['path']}".rpartition("/")

    return UpdatedModel(
        name=given["name"],
        root=root,
        folder=folder,
        file=file,
        metadata=MetadataName(**given["metadata"]) if given["metadata"] else None,
        user=given["user"],
        evaluation=_evaluation(given["evaluation"], root),
        trainings=tuple(_training(each, root) for each in given["trainings"]),
        server=switching.server(given["server"]),
        workers=tuple(given["workers"]),
        versions=given["versions"].rstrip("/"),
        keep=given["keep"],
        requirements=tuple(given["requirements"]),
    )


def _evaluation(given: Values | None, root: str) -> Evaluation | None:
    if not given:
        return None

    files = {key: f"{root}/{given[key]}" for key in ("reference", "predictor")}
    inputs = f"{root}/{given['inputs']}" if given["inputs"] else ""

    requirements = tuple(given["requirements"])

    return Evaluation(**{**given, **files, "inputs": inputs, "requirements": requirements})


def _training(given: Values, root: str) -> Training:
    lists = {key: tuple(given[key]) for key in ("command", "test", "requirements")}

    return Training(**{**given, **lists, "output": f"{root}/{given['output']}"})


def _probe_for(probe: Probe, sha256: str) -> Probe:
    wanted = {
        path: value.replace("{sha256}", sha256) if isinstance(value, str) else value
        for path, value in probe.equals.items()
    }

    return replace(probe, equals=wanted, same_as_before=())
