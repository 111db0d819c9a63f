"""What the kernels of the CPU rasteriser ask of the compiler and the processor."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic


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
