"""Threads for the CPU rasteriser: plain Python threads in kernels that release the GIL.

numba's own `prange` was left aside on purpose. It splits work statically, which leaves a core idle when
tiles differ in cost; its OpenMP layer spins while it waits and aborts in a forked child (asynchronous vector
environments fork), and its workqueue layer is not thread-safe. Here each thread runs the same kernel and
takes items off a shared counter, one thread means a plain call, and nothing lives at module level.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
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


def _prefetch(context, builder, signature, arguments, to_write: bool):
    """Asks the processor to bring the cache line of arguments[0][arguments[1]] near."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    function = get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [address, word(int(to_write)), word(3), word(1)])  # keep in all caches, data
    return context.get_dummy_value()


@intrinsic
def prefetch(typingctx, array, index):
    """Asks the processor to bring the cache line of `array[index]` near, for reading."""

    def codegen(context, builder, signature, arguments):
        return _prefetch(context, builder, signature, arguments, False)

    return types.void(array, types.int64), codegen


@intrinsic
def prefetch_to_write(typingctx, array, index):
    """Asks the processor to bring the cache line of `array[index]` near, for writing."""

    def codegen(context, builder, signature, arguments):
        return _prefetch(context, builder, signature, arguments, True)

    return types.void(array, types.int64), codegen


@intrinsic
def lowest_bit(typingctx, bits):
    """Place of the lowest bit of a uint64 that is set; undefined for 0."""
    signature = types.int64(types.uint64)

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return signature, codegen


@intrinsic
def prefer_wide_vectors(typingctx):
    """Asks the compiler to use vectors of 512 bits in this function where the processor has them.

    LLVM takes 256 bits by default even where 512 are twice as fast, as in the blend. llvmlite knows no name for this
    attribute, so it is added past its check.
    """
    signature = types.void()

    def codegen(context, builder, signature, arguments):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

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
            self._pool, self._process = ThreadPoolExecutor(self.threads - 1, "rasterize"), os.getpid()
        return self._pool
