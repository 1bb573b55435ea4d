# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images: a base made by mmdebstrap, the demo's own layers on it.

Built once, again only when its inputs change.
"""

from __future__ import annotations

import hashlib
import subprocess
import typing as t
from pathlib import Path

from . import engine, wheels
from .engine import podman, podman_json
from .errors import DemoError
from .files import locked
from .fleet import PROJECT, Image

LABEL: t.Final = "org.upkeep.inputs"
CONTEXT: t.Final = PROJECT / "demo"
SOURCES: t.Final = ("image", "app", "history")
#: Stages of the Containerfile: a host with everything on it, and one as an installer leaves it.
FULL: t.Final = "full"
BARE: t.Final = "bare"
BUILD_SECONDS: t.Final = 1800


def ensure(image: Image, suite: str, say: t.Callable[[str], None], stage: str = FULL) -> str:
    """Return the name of the up-to-date image, building what is missing.

    One process at a time builds for a release.
    """
    name = f"{image.repository}{'' if stage == FULL else f'-{stage}'}:{suite}"
    with locked(engine.CACHE / f"image-{suite}.lock"):
        base = _ensure_base(image, suite, say)
        wanted = inputs(CONTEXT, base)
        if label(name) == wanted:
            return name

        say(f"building {name} (minutes the first time, seconds when only files changed)")
        # Shown to the build and left out of the image, whose layers know them by image/wheels.txt.
        packages = wheels.ensure(CONTEXT / "image" / "wheels.txt", engine.CACHE)
        # An image gets its name only when it is complete: a build that was cut short is simply not
        # there.
        podman(
            "build", "--layers", "--quiet", "--build-arg", f"BASE={base}",
            "--label", f"{LABEL}={wanted}",
            "--volume", f"{packages}:/mnt:ro", "--target", stage,
            "--tag", name, "--file", str(CONTEXT / "image" / "Containerfile"), str(CONTEXT),
            timeout=BUILD_SECONDS,
        )  # fmt: skip
        # What bore this name before is of no use; images of running hosts are kept by podman
        # itself.
        podman("image", "prune", "--force", "--filter", f"label={LABEL}", check=False)

    return name


def inputs(context: Path, base: str) -> str:
    """Return a digest of all inputs of the image: base, and path, mode and bytes of files."""
    digest = hashlib.sha256(base.encode())
    for source in SOURCES:
        for path in sorted((context / source).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(
                    f"\0{path.relative_to(context)}\0{path.stat().st_mode & 0o111}\0".encode()
                )
                digest.update(path.read_bytes())

    return digest.hexdigest()[:16]


def label(name: str) -> str | None:
    """Return the inputs that the image was built from, None when there is no such image."""
    found = podman_json("image", "inspect", name)
    return (found[0].get("Labels") or {}).get(LABEL) if found else None


def _ensure_base(image: Image, suite: str, say: t.Callable[[str], None]) -> str:
    packages = ",".join(image.base_packages)
    key = hashlib.sha256(f"{suite} {packages}".encode()).hexdigest()[:8]
    name = f"{image.repository}-base:{suite}-{key}"
    if podman("image", "exists", name, check=False).returncode == 0:
        return name

    archive = engine.CACHE / f"base-{suite}-{key}.tar"
    if not archive.exists():
        say(f"making the base of Debian {suite} with mmdebstrap (about a minute)")
        _bootstrap(suite, packages, archive)

    podman("import", "--quiet", str(archive), name, timeout=BUILD_SECONDS)

    return name


def _bootstrap(suite: str, packages: str, archive: Path) -> None:
    partial = archive.with_name(
        f"partial-{archive.name}"
    )  # mmdebstrap tells the format by the ending
    partial.unlink(missing_ok=True)
    argv = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}", suite, str(partial)]
    result = subprocess.run(  # noqa: S603
        argv, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if result.returncode:
        raise DemoError(
            f"mmdebstrap could not make Debian {suite}:\n  "
            + "\n  ".join(result.stderr.splitlines()[-8:])
        )

    partial.replace(archive)
