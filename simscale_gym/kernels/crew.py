"""Threads for kernels: plain Python threads in kernels that release the GIL.

numba's own `prange` was left aside on purpose. It splits work statically, which leaves a core idle when
items differ in cost; its OpenMP layer spins while it waits and aborts in a forked child (asynchronous vector
environments fork), and its workqueue layer is not thread-safe. Here each thread runs the same kernel and
takes items off a shared counter, one thread means a plain call, and nothing lives at module level.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from numba.core import types
from numba.extending import intrinsic

from simscale_gym.errors import ArgumentError


@intrinsic
def take(typingctx, counter, step):
    """Atomically adds `step` to `counter[0]` (int64) and returns the value before: the next items' first."""
    signature = types.int64(counter, types.int64)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", data, arguments[1], "monotonic")

    return signature, codegen


class Crew:
    """Runs one kernel on several threads at once.

    Args:
        threads: Number of threads, the caller's included; None for one per core that the process may use.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is None:
            affinity = getattr(os, "sched_getaffinity", None)  # Linux only
            threads = len(affinity(0)) if affinity else os.cpu_count() or 1
        if threads < 1:
            raise ArgumentError(f"threads is {threads}, expected at least 1, or None for one per core.")
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def run(self, kernel: Callable[..., None], *arguments: object) -> None:
        """Calls `kernel(*arguments)` once on every thread and waits for all of them."""
        helpers = [self._helpers().submit(kernel, *arguments) for _ in range(self.threads - 1)]
        kernel(*arguments)
        for helper in helpers:
            helper.result()

    def _helpers(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():  # a fork copies the object but not its threads
            self._pool, self._process = ThreadPoolExecutor(self.threads - 1, "kernels"), os.getpid()
        return self._pool
