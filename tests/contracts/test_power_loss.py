"""What a loss of power leaves, as far as it can be played: see tests.benchmarks.power_loss, which takes 200 images."""

import random

from tests.benchmarks.power_loss import redis_images, sqlite_images


def test_a_file_cut_behind_what_was_written_through_holds_each_turn_that_was_reported_and_none_in_part() -> None:
    done = sqlite_images(20, random.Random())
    assert done["images"] == 20
    assert done["turns"]


def test_an_append_only_file_cut_anywhere_holds_each_turn_before_the_cut_and_none_in_part() -> None:
    done = redis_images(8, random.Random())
    assert done["images"] == 8
    assert done["turns"]
