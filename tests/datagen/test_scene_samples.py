"""A sample is made once, whether it is written or handed on as it is."""

import numpy as np

from simscale_gym.datagen import DataSet
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.datagen.scene_samples import SceneSamples


def test_what_is_made_is_what_is_written_and_read(log_spec, log_written):
    """Pictures are PNG here, so that nothing is lost."""
    opened, stored = OpenSpec.of(log_spec), iter(DataSet(log_written))
    for task in opened.tasks():
        source = SceneSamples(task, opened)
        for made in source.samples(source.frames):
            read = next(stored)
            assert made.row.items() <= read.row.items() and list(made.pictures) == list(read.pictures)
            for name, picture in made.pictures.items():
                np.testing.assert_array_equal(picture, read.pictures[name])
            for name, array in made.arrays.named().items():
                np.testing.assert_array_equal(array, read.arrays.named()[name])
    assert next(stored, None) is None


def test_drives_can_be_drawn_in_any_order_and_number(log_spec):
    opened = OpenSpec.of(log_spec)
    source = SceneSamples(next(opened.tasks()), opened)
    drives = list(source.drives(source.frames))
    whole = {sample.row["key"]: sample for sample in source.drawn(drives)}
    alone = list(source.drawn(drives[:0:-1]))
    assert len(whole) == len(drives) > 1 and len(alone) == len(drives) - 1
    for sample in alone:
        np.testing.assert_array_equal(sample.pictures["cam_f0"], whole[sample.row["key"]].pictures["cam_f0"])
