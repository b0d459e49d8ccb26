"""Models while a graph is built: each is a few emitters (its leaves, its map, its log-weight, its density)."""

from compose.models.aggregates import AggregateModel
from compose.models.basic import (
    BlockModel,
    DistributionModel,
    LevelsModel,
    NoiseModel,
    NumberedNormal,
    StandardModel,
    TimestepModel,
    trace_seed,
)
from compose.models.chains import DescentModel, Dynamics, DynamicsModel, ReverseModel, Start, refuse_draws
from compose.models.combinators import ConditionedModel, PushedModel, TiltedModel
from compose.models.memories import MemoryModel
from compose.models.mixtures import MixtureBlockModel, MixtureModel, ProductModel
from compose.models.of_blocks import model_of_block
from compose.models.program import ProgramModel, program_function

__all__ = [
    "AggregateModel", "BlockModel", "ConditionedModel", "DescentModel", "DistributionModel", "Dynamics",
    "DynamicsModel", "LevelsModel", "MemoryModel", "MixtureBlockModel", "MixtureModel", "NoiseModel", "NumberedNormal",
    "ProductModel", "ProgramModel", "PushedModel", "ReverseModel", "StandardModel", "Start", "TiltedModel",
    "TimestepModel", "model_of_block", "program_function", "refuse_draws", "trace_seed",
]  # fmt: skip
