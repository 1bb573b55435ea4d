# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets are made, verified, held, expired, deleted and lost to power failures, in any order."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import typing as t
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from ansible.module_utils.upkeep.backup.catalogue import BackupSet
from ansible.module_utils.upkeep.backup.run import BackupError
from hypothesis import settings, stateful
from hypothesis import strategies as st

from tests.faults.conftest import FULL, HOURS
from tests.unit.module_utils.backup.conftest import Shop, statuses

LAST: t.Final = 2
KEEP: t.Final = {"last": LAST, "days": 2, "weekly": 1, "monthly": 1}
#: Calls after any of which the power may fail.
CALLS: t.Final = ("fsync", "rename", "mkdir", "unlink", "rmdir", "replace")


class LostPowerError(BaseException):
    """The run ends here, and nothing catches it."""


@contextlib.contextmanager
def power_fails(call: str, after: int) -> Iterator[None]:
    """Let every call of a function of os from the n-th on end the run."""
    real, calls = getattr(os, call), iter(range(1, 10_000))

    def ending(*arguments: t.Any, **named: t.Any) -> t.Any:
        if next(calls) >= after:
            raise LostPowerError
        return real(*arguments, **named)

    setattr(os, call, ending)
    try:
        with contextlib.suppress(LostPowerError):
            yield
    finally:
        setattr(os, call, real)


class BackupLives(stateful.RuleBasedStateMachine):
    """The whole life of a catalogue, by the calls that the two modules make."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="upkeep-lives-"))
        self.shop = Shop(self.folder)
        self.shop.backup()
        #: Sets that somebody damaged, who found no verification yet.
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        """Remove the host."""
        shutil.rmtree(self.folder)

    def sets(self) -> list[BackupSet]:
        """Return the published sets."""
        with self.shop.catalogue() as catalogue:
            return catalogue.sets()

    def good(self) -> set[str]:
        """Return the names of the verified sets."""
        return {one.name for one in self.sets() if one.is_verified}

    @stateful.rule(hours=st.integers(1, 200), reason=st.sampled_from(["schedule", "change"]))
    def create(self, hours: int, reason: str) -> None:
        """Make a set where one is due, and delete what is redundant."""
        before = self.sets()
        self.shop.later(hours=hours)
        answer = self.shop.backup(reason=reason, retention=KEEP)

        self.kept_enough(before)
        assert reason == "schedule" or answer["made"]

    @stateful.rule()
    def create_what_fails(self) -> None:
        """Make a set of what is not there: nothing is deleted."""
        before = {one.name for one in self.sets()}
        self.shop.later(hours=30)
        gone = {"name": "gone", "files": {"paths": [f"{self.folder}/nowhere"]}}
        answer = self.shop.backup(artefacts=[gone], reason="change", retention=KEEP)

        assert statuses(answer)["backup:set"] == "critical"
        assert {one.name for one in self.sets()} == before

    @stateful.rule(days=st.sampled_from([0, 30]))
    def verify(self, days: int) -> None:
        """Read the sets, or what is due of them."""
        answer = self.shop.verify(reread_days=days, promised_hours=HOURS)
        if days == 0:
            found = statuses(answer)
            bad = {name for name in self.damaged if found.get(f"backup_set:{name}") == "critical"}

            assert bad == self.damaged & {one.name for one in self.sets()}
            assert not self.good() & self.damaged

    @stateful.rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Make a set that stays, or let one go."""
        held = [one.name for one in self.sets() if one.held]
        if held and data.draw(st.booleans()):
            self.shop.verify(release=[data.draw(st.sampled_from(held))])
        else:
            self.shop.later(minutes=1)
            self.shop.backup(reason="demand", hold="before the move")

    @stateful.rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Let a person delete a set by hand, and never the last."""
        names = [one.name for one in self.sets()]
        if len(names) > 1:
            shutil.rmtree(self.shop.root / data.draw(st.sampled_from(names)))

    @stateful.rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """Change a bit of a set, of which another good one is left."""
        good = sorted(self.good() - self.damaged)
        if len(good) > 1:
            name = data.draw(st.sampled_from(good))
            path = self.shop.root / name / "files" / "files.tar.zst"
            content = bytearray(path.read_bytes())
            # Sizes differ from run to run by what a time takes to write.
            content[data.draw(st.integers(0, 1 << 20)) % len(content)] ^= 1
            path.write_bytes(content)
            self.damaged.add(name)

    @stateful.rule(call=st.sampled_from(CALLS), after=st.integers(1, 12), verifying=st.booleans())
    def lose_power(self, call: str, after: int, verifying: bool) -> None:
        """End in the middle of making and expiring, or of verifying."""
        before = self.sets()
        self.shop.later(hours=25)
        with power_fails(call, after), contextlib.suppress(BackupError):
            if verifying:
                self.shop.verify(reread_days=0, promised_hours=HOURS)
            else:
                self.shop.backup(reason="change", retention=KEEP)

        self.kept_enough(before)

    @stateful.rule(days=st.integers(-40, 60))
    def jump(self, days: int) -> None:
        """Let the clock jump, and look: a look deletes nothing."""
        before = {one.name for one in self.sets()}
        self.shop.now += timedelta(days=days)
        self.shop.backup(state="observed", retention=KEEP)

        assert {one.name for one in self.sets()} == before

    def kept_enough(self, before: list[BackupSet]) -> None:
        """Hold what is left against what there was."""
        good = {one.name for one in before if one.is_verified}
        left = self.sets()

        # A verification may have found out what somebody damaged.
        missing = len(good & self.damaged)
        assert len(self.good()) >= min(len(good), LAST) - missing
        assert {one.name for one in before if one.held} <= {one.name for one in left}

    @stateful.invariant()
    def every_published_set_verifies(self) -> None:
        """Read all that is published and was not damaged by hand."""
        for one in self.sets():
            if one.name not in self.damaged:
                assert one.problem == ""
                assert one.manifest
                assert one.record
                assert not one.record.problems


TestBackupLives = BackupLives.TestCase
TestBackupLives.settings = settings(
    max_examples=150 if FULL else 6, stateful_step_count=25 if FULL else 15, deadline=None
)
