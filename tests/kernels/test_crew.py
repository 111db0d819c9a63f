"""Threads that share the items of one kernel."""

import os
import sys
import threading

import numpy as np
import pytest
from numba import njit

from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew, take


@njit(nogil=True)
def mark(counter, out):
    while True:
        k = take(counter, 2)
        if k >= len(out):
            return
        for n in range(k, min(k + 2, len(out))):
            out[n] += 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_item_is_taken_once(threads):
    out = np.zeros(10_001, np.int64)
    Crew(threads).run(mark, np.zeros(1, np.int64), out)
    assert (out == 1).all()


def test_all_threads_call_and_what_one_raises_is_raised():
    seen = set()

    def note():
        seen.add(threading.get_ident())
        barrier.wait(10.0)

    barrier = threading.Barrier(3)
    Crew(3).run(note)
    assert len(seen) == 3

    def fail():
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        Crew(2).run(fail)


def test_no_threads_are_refused():
    with pytest.raises(ArgumentError, match="threads is 0"):
        Crew(0)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="asks for fork")
def test_a_forked_child_has_threads_of_its_own():
    crew, out = Crew(2), np.zeros(100, np.int64)
    crew.run(mark, np.zeros(1, np.int64), out)
    child = os.fork()
    if child == 0:
        crew.run(mark, np.zeros(1, np.int64), out)
        os._exit(0 if (out == 2).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
