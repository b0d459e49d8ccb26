"""The language: specs, expressions, graph, models, checks, compiler, and the command line over them.

From Python, six names are enough, and none of them costs anything before it is used (see `compose.api`):

    compose.load(path, set=[...]) -> spec        compose.check(spec) -> findings      compose.explain(spec) -> text
    compose.run(spec, out=..., data=..., blocks=...) -> run                           compose.load_run(folder) -> run
    compose.study(spec, seeds=[0, 1], sweep={...}) -> rows of figures
    @compose.block("my.encoder")                 registers a block of your own
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blocks.registry import block, operator
    from compose.api import check, explain, load, load_run, replay, run, study

__all__ = ["block", "check", "explain", "load", "load_run", "operator", "replay", "run", "study"]

_HOMES = {"block": "blocks.registry", "operator": "blocks.registry"}


def __getattr__(name: str) -> Any:  # noqa: ANN401  a function of `compose.api`, imported on use
    if name not in __all__:
        raise AttributeError(f"module `compose` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "compose.api")), name)
