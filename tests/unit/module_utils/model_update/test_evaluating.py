# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Differences between models are counted, and the last rows of what was asked are taken."""

from __future__ import annotations

import math

import pytest
from ansible.module_utils.upkeep.model_update.copies import UpdateError
from ansible.module_utils.upkeep.model_update.evaluating import compare, last_rows


def test_a_share_of_the_serving_prediction_counts() -> None:
    seen = compare([100.0, 104.0, 110.0, -1.0], [100.0, 100.0, 100.0, 1.0], 0.05)

    assert (seen.rows, seen.different) == (4, 2)
    assert seen.largest == 2.0
    assert seen.row == 4
    assert seen.share == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_different(value: float) -> None:
    assert compare([value], [1.0], 0.5).different == 1


def test_another_number_of_predictions_is_an_error() -> None:
    with pytest.raises(UpdateError, match="gave 1 predictions, the serving one 2"):
        compare([1.0], [1.0, 2.0], 0.1)


def test_the_header_stays_and_quoted_line_ends_are_one_row() -> None:
    text = 'a,b\n1,"x\ny"\n2,z\n3,w\n'

    assert last_rows(text, 1) == "a,b\n3,w\n"
    assert last_rows(text, 3) == 'a,b\n1,"x\ny"\n2,z\n3,w\n'
    assert last_rows("a\n", 3) == "a\n"
