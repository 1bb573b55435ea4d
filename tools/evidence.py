# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where requirement ids stand: in data, which delivers them, and in marks of tests."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

from tools import yamlfiles

#: Where ids may stand as data: profiles, and what roles and playbooks bring along themselves.
PROFILE_GLOB: t.Final = "inventory/group_vars/**/*.yml"
CONSUMER_GLOBS: t.Final = ("roles/*/[!m]*/**/*.yml", "playbooks/**/*.yml")
TEST_GLOBS: t.Final = ("tests/**/*.py", "molecule/*/tests/*.py", "molecule/*/test_*.py")


_WORD = re.compile(r"[A-Za-z_]\w*")


class EvidenceError(ValueError):
    """An id stands where it cannot be read, or is not known; the message names file and id."""


class Mention(t.NamedTuple):
    """One place that names a requirement: a file of the project, and the entry or test in it."""

    path: str
    name: str


Mentions = dict[str, list[Mention]]


class Data(t.NamedTuple):
    """What ``requirements`` lists in YAML name: figures that something reads, figures for later."""

    delivered: Mentions
    planned: Mentions


def from_data(project: Path) -> Data:
    """Return the places in YAML data that name each id.

    A variable of a profile delivers only when a role or playbook reads it, directly or through
    other variables: a figure that nothing reads changes nothing on any host.
    """
    data = Data({}, {})
    used = variables_in_use(project)

    for path in _files(project, [PROFILE_GLOB]):
        for variable, value in (yamlfiles.read(path) or {}).items():
            _collect(
                data.delivered if variable in used else data.planned,
                {variable: value},
                path,
                project,
            )

    for path in _files(project, CONSUMER_GLOBS):
        _collect(data.delivered, yamlfiles.read(path), path, project)

    return data


def variables_in_use(project: Path) -> set[str]:
    """Return the profiles' variables that roles and playbooks read, also through each other."""
    values: dict[str, set[str]] = {}
    for path in _files(project, [PROFILE_GLOB]):
        for variable, value in (yamlfiles.read(path) or {}).items():
            values.setdefault(variable, set()).update(_WORD.findall(str(value)))

    used: set[str] = set()
    reached = {
        word
        for path in _files(project, CONSUMER_GLOBS)
        for word in _WORD.findall(path.read_text("utf-8"))
    }
    while reached := (reached & values.keys()) - used:
        used |= reached
        reached = {word for variable in reached for word in values[variable]}

    return used


def _collect(found: Mentions, node: t.Any, path: Path, project: Path) -> None:
    relative = path.relative_to(project).as_posix()
    for requirement, name in _ids_in(node, relative, ""):
        _add(found, requirement, Mention(relative, name))


def from_tests(project: Path) -> Mentions:
    """Return the tests whose ``@pytest.mark.requirement`` names each id."""
    found: Mentions = {}
    for path in _files(project, TEST_GLOBS):
        relative = path.relative_to(project).as_posix()
        for requirement, name in _marks_in(
            ast.parse(path.read_text(encoding="utf-8")), relative, ""
        ):
            _add(found, requirement, Mention(relative, name))

    return found


def check_known(known: t.Container[str], *evidence: Mentions) -> None:
    """Raise EvidenceError for ids that are not requirements, with the files that name them."""
    unknown = [
        f"{place.path}: {requirement} is not in docs/requirements.csv"
        for places in evidence
        for requirement in sorted(places)
        if requirement not in known
        for place in places[requirement]
    ]
    if unknown:
        raise EvidenceError("\n".join(unknown))


def _files(project: Path, globs: t.Iterable[str]) -> list[Path]:
    return sorted({path for pattern in globs for path in project.glob(pattern) if path.is_file()})


def _add(found: Mentions, requirement: str, place: Mention) -> None:
    places = found.setdefault(requirement, [])
    if place not in places:
        places.append(place)


def _ids_in(node: t.Any, path: str, name: str) -> t.Iterator[tuple[str, str]]:
    """Yield (id, name of the nearest named entry) of every ``requirements`` list below ``node``."""
    if isinstance(node, list):
        for item in node:
            yield from _ids_in(item, path, name)

    if not isinstance(node, dict):
        return

    own = node.get("name")
    name = own if isinstance(own, str) else name

    for key, value in node.items():
        if key == "requirements" and not isinstance(value, dict):
            yield from ((requirement, name) for requirement in _id_list(value, path))
        else:
            yield from _ids_in(value, path, name or str(key))


def _id_list(value: t.Any, path: str) -> list[str]:
    if isinstance(value, str) and "{{" in value:
        return []  # handed on from a list that is counted where it stands
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise EvidenceError(f"{path}: `requirements` must be a list of ids, not {value!r}")
    return value


def _marks_in(node: ast.AST, path: str, name: str) -> t.Iterator[tuple[str, str]]:
    """Yield (id, name of the enclosing test) of every requirement mark below ``node``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        name = f"{name}.{node.name}".lstrip(".")

    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.requirement"):
        for argument in node.args:
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                raise EvidenceError(
                    f"{path}:{node.lineno}: write the ids of a requirement mark as plain strings"
                )
            yield argument.value, name

    for child in ast.iter_child_nodes(node):
        yield from _marks_in(child, path, name)
