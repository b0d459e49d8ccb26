"""Operators: the functions without parameters that a spec may call, one file a family.

Each is a plain PyTorch function, found by the name in its `@operator("name")`. A parameter annotated `Tensor` (or
`Tensor | float`: numbers are welcome) takes a value of the graph; `*values: Tensor` takes any number of them. Any other
parameter (int, float, bool, str, Literal, Sequence[int]) is an option, by position or by name, and must be known when
the spec is compiled. Batched values come as "b *event", numbers a sample as "b".

`function.rule` is a `rules.Rule`: whether batched values of different rank are aligned before the call, where the
gradient passes, what becomes of the rows. No operator draws anything.
"""
