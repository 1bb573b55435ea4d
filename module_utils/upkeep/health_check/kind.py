# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a kind of check is, and what several kinds share: limits, an address, words for pages."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from ..base.options import Option, Options, option
from ..findings import Finding, Limits
from .check import Check

if t.TYPE_CHECKING:
    from ..base.deadline import Deadline

#: How the pages of the systems write that there is no limit, and that any failure counts.
NEVER: t.Final = "-"
OTHERWISE: t.Final = "otherwise"


class Row(t.NamedTuple):
    """One finding of a check in words: what is asked, and what is a warning or critical.

    ``requirements`` are those of the finding itself, () when it has those of the check.
    """

    finding: str
    asks: str
    warning: str
    critical: str
    requirements: tuple[str, ...] = ()


def _no_names(_check: Check) -> tuple[str, ...]:
    return ()


def _no_place(_check: Check) -> str:
    return ""


def _accept(_check: Check) -> None:
    return None


def _unchanged(checks: Sequence[Check]) -> list[Check]:
    return list(checks)


def _never(_check: Check) -> bool:
    return False


def _no_advice(_problem: str) -> str:
    return ""


def _as_root(_check: Check) -> str | None:
    return None


def _no_secrets(_values: Mapping[str, t.Any]) -> set[str]:
    return set()


def always(_check: Check) -> bool:
    """Return True: something holds for every check of a kind."""
    return True


class Kind(t.NamedTuple):
    """How one kind of check is configured, carried out and described.

    ``description`` and ``gives`` are columns of the table of kinds: what is asked, and the names of
    the findings. ``options`` are its keys beside those of every check. ``probe`` yields findings;
    it may raise ProbeError, TimeoutError or OSError. ``describe`` gives the rows of a check for the
    page of a system. All else has a default:

    - ``holds_change``: while a check of this kind is critical or unknown, the gate stays closed.
    - ``network``: no answer in time is the service's fault (critical), not ours (unknown).
    - ``names``: findings besides the check's own that are due whatever happens.
    - ``outside``: whether another machine than the host can carry the check out.
    - ``place``: the address of the service, for messages.
    - ``validate``: raises ValueError for options that do not go together.
    - ``validate_all``: the same over all checks of this kind; returns them, changed where needed.
    - ``secret_values``: texts to keep out of findings besides the values of secret options; gets
      the values as they stand in a profile, which may be wrong.
    - ``run_as``: the system user that an attempt turns into.
    - ``advice``: what to do about a problem that ended an attempt, '' when there is nothing to say.
    - ``remembers``: whether the check compares with a previous run. Its probe then also yields
      ``remember(...)``, which comes back as ``check.previous``.
    - ``only_waits``: whether the probe does nothing but wait for the network, so that a thread is
      enough: no pattern, no large answer, no library that may keep other threads from running.
    """

    description: str
    gives: str
    options: Options
    probe: Callable[[Check, Deadline], Iterator[Finding]]
    describe: Callable[[Check], Iterator[Row]]
    holds_change: bool = False
    network: bool = False
    outside: bool = False
    names: Callable[[Check], tuple[str, ...]] = _no_names
    place: Callable[[Check], str] = _no_place
    validate: Callable[[Check], None] = _accept
    validate_all: Callable[[Sequence[Check]], list[Check]] = _unchanged
    secret_values: Callable[[Mapping[str, t.Any]], set[str]] = _no_secrets
    run_as: Callable[[Check], str | None] = _as_root
    advice: Callable[[str], str] = _no_advice
    remembers: Callable[[Check], bool] = _never
    only_waits: Callable[[Check], bool] = _never

    def secrets(self, values: Mapping[str, t.Any]) -> set[str]:
        """Return every text that gives a secret of these values away.

        A password is known also where it is a part of a URL.
        """
        texts: set[str] = set()
        for name, spec in self.options.items():
            if spec.get("no_log") and values.get(name):
                text = str(values[name])
                texts |= {text, *_passwords_in(text)}

        return (texts | self.secret_values(values)) - {""}


def _passwords_in(url: str) -> set[str]:
    try:
        password = urlsplit(url).password if "://" in url else None
    except ValueError:
        return set()

    return {password, unquote(password)} if password else set()


def limit_options(
    what: str, warning: float | None = None, critical: float | None = None, side: str = "More"
) -> dict[str, Option]:
    """Return the options ``warning`` and ``critical`` for a figure, with their defaults."""
    return {
        "warning": option("float", f"{side} {what} is C(warning).", default=warning),
        "critical": option("float", f"{side} {what} is C(critical).", default=critical),
    }


def limit_words(limits: Limits, unit: str = "") -> tuple[str, str]:
    """Return the columns ``warning`` and ``critical`` of a row for two limits."""
    warning, critical = (
        NEVER if limit is None else f"{limits.side} {limit:g}{unit}"
        for limit in (limits.warning, limits.critical)
    )

    return warning, critical


def tries(check: Check) -> str:
    """Return in words how often a check is tried, '' for once."""
    if check.attempts == 1:
        return ""

    return f" ({check.attempts} attempts, {check.interval:g} s apart)"


def host_and_port(check: Check) -> str:
    """Return the address of a check with the options host and port."""
    return f"{check.options['host']}:{check.options['port']}"
