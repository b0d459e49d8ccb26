"""A call as another program would write it, in the words of the language: `F.mse_loss(a, b)` is `mse(a, b)`.

of_library(call, taken)   a call of a function or a module of torch and its like, or of a view of a model, else None
of_method(call)           a call of what is an operator here and a method of a tensor there, else None
"""

from collections.abc import Callable

from blocks.registry import OPERATORS
from compose.expressions import Argument, Attribute, Call, Name
from compose.forms import FORMS
from compose.habits import HABITS

__all__ = ["of_library", "of_method"]

LIBRARIES = ("torch", "F", "nn", "np", "numpy", "jax", "jnp", "tf", "math")
VIEWS = ("log_prob", "log_density", "at")  # of a model, which stands before the dot
LOSS = "loss"


def of_library(call: Call, taken: Callable[[str], bool]) -> Call | None:
    """What a call of a library's function, of its module called at once, or of a bare view of a model means here.

    `taken`: whether the spec has something of that name, which then is what is meant.
    """
    called = call.function
    if isinstance(called, Name):
        return None if called.name not in VIEWS or taken(called.name) else _view(called, call)
    made = called.function if isinstance(called, Call) and not called.arguments else called
    root = made
    while isinstance(root, Attribute):
        root = root.value
    if root is made or not isinstance(root, Name) or root.name not in LIBRARIES or taken(root.name):
        return None
    word = _word(made.name) if isinstance(made, Attribute) else None
    return Call(Name(word), call.arguments) if word else None


def of_method(call: Call) -> Call | None:
    """What a method of a tensor means here: an operator of it."""
    called = call.function
    word = _word(called.name) if isinstance(called, Attribute) else None
    if word is None or not isinstance(called, Attribute):
        return None
    return Call(Name(word), (Argument(None, called.value), *call.arguments))


def _view(called: Name, call: Call) -> Call | None:
    if len(call.positional) < 2:
        return None
    model, *_ = call.positional
    return Call(Attribute(model, called.name), call.arguments[1:])


def _word(name: str) -> str | None:
    """The operator or form that goes by this name in another program."""
    lower = name.lower()
    spelt = (lower, lower.removesuffix(LOSS).removesuffix("_"))
    meant = [*spelt, *(HABITS[each] for each in spelt if each in HABITS)]
    return next((each for each in meant if each in FORMS or each in OPERATORS.names()), None)
