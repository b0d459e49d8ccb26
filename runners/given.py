"""Blocks that a user hands over from Python: a module is copied where the spec's block is built, a class is built."""

import copy
from collections.abc import Mapping

from torch import nn

from blocks.registry import BLOCKS
from compose.diagnostics import nearest
from compose.spec import Spec

__all__ = ["register", "with_blocks"]

PREFIX = "given"


def with_blocks(spec: Spec, blocks: Mapping[str, nn.Module | type[nn.Module]]) -> Spec:
    """The spec whose blocks of these names are the given ones; a class keeps the options that the spec writes."""
    if not blocks:
        return spec
    for name in blocks:
        if name not in spec.blocks:
            near = nearest(name, spec.blocks)
            raise ValueError(f"the spec has no block `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    kinds = register(blocks)
    declared = dict(spec.blocks)
    for name, kind in kinds.items():
        before = declared[name]
        kept = {} if isinstance(blocks[name], nn.Module) else before.options
        declared[name] = before.model_copy(update={"kind": kind, "options": kept}).at(before.place)
    return spec.model_copy(update={"blocks": declared}).at(spec.place)


def register(blocks: Mapping[str, nn.Module | type[nn.Module]]) -> dict[str, str]:
    """The kinds, `given.NAME`, under which the blocks are now registered, by name."""
    for name, block in blocks.items():
        BLOCKS.replace(f"{PREFIX}.{name}", block if isinstance(block, type) else _copies(block))
    return {name: f"{PREFIX}.{name}" for name in blocks}


def _copies(module: nn.Module) -> type[nn.Module]:
    """A class like the module's own whose instances are copies of the module as it is now."""

    class Given(type(module)):
        __doc__ = type(module).__doc__

        def __init__(self) -> None:
            self.__dict__.update(copy.deepcopy(module).__dict__)

    return Given
