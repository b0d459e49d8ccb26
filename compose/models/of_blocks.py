"""Blocks that are models: which kind of model each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose.models.basic import BlockModel, LevelsModel
from compose.models.mixtures import MixtureBlockModel
from compose.values import BlockValue

if TYPE_CHECKING:
    from compose.declarations import Declared

__all__ = ["model_of_block"]


def model_of_block(block: BlockValue, declared: Declared) -> BlockModel:
    """The model that a block is: a mixture, a law over levels, or a map of normal noise such as a flow."""
    if declared.chosen:
        return MixtureBlockModel(block)
    if declared.discrete:
        return LevelsModel(block, declared.law)
    return BlockModel(block, declared.leaves, declared.seeded)
