# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The predictor with the approved model: plausible lap times, bad files are refused."""

from __future__ import annotations

import importlib.util
import os
import typing as t
from pathlib import Path

import pytest

#: The predictor is the one beside these tests: of the home, or of a release that is to serve.
HERE: t.Final = Path(__file__).resolve().parent
HOME: t.Final = Path(os.environ.get("RACING_HOME", "/srv/racing_analytics"))
#: Where a candidate lies, for a test before it takes the place of the model.
MODEL: t.Final = Path(os.environ.get("MODEL", HOME / "data/models/lightgbm_baseline.pkl"))
SAMPLE: t.Final = (HERE / "post_race_sample_template.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def predictor() -> t.Any:
    """Return the predictor as the dashboard loads it."""
    spec = importlib.util.spec_from_file_location(
        "predictor", HERE / "src/models/inference/simple_post_race_predictor.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module.SimplePostRacePredictor(MODEL)


def test_every_lap_of_the_sample_gets_a_plausible_time(predictor: t.Any) -> None:
    seconds = predictor.predict(predictor.read(SAMPLE))
    assert len(seconds) == len(SAMPLE.splitlines()) - 1
    assert all(85 < lap < 100 for lap in seconds)


def test_the_order_of_columns_does_not_matter(predictor: t.Any) -> None:
    rows = [line.split(",") for line in SAMPLE.split()]
    turned = "\n".join(",".join(reversed(row)) for row in rows)
    assert predictor.read(turned) == predictor.read(SAMPLE)


@pytest.mark.parametrize(
    "text", ["", "lap\n1\n", SAMPLE.splitlines()[0], SAMPLE.replace(",0\n", ",soft\n", 1)]
)
def test_what_is_no_session_is_refused(predictor: t.Any, text: str) -> None:
    with pytest.raises(ValueError):
        predictor.read(text)
