"""What stands behind a dot: fields of records and draws, views of models, methods of blocks.

A view that takes arguments (`m.log_prob`, `chain.posterior`) is a Python callable of the site and the call expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compose import faults
from compose.binding import call_block_at
from compose.conditioning import inverted
from compose.expressions import Attribute, Call
from compose.graph import Node
from compose.idioms import of_method
from compose.models import MemoryModel, NoiseModel, StandardModel, TimestepModel
from compose.sharing import fields_of, shared_value
from compose.values import Bijection, BlockValue, Model, Record, Value, as_noise, as_value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["attribute_of"]

View = Callable[["Evaluator", Call], Value]


def attribute_of(site: Evaluator, value: Value, expression: Attribute, call: Call | None = None) -> Any:  # noqa: ANN401  a value, or a view of one
    """`value.name`, which `call` may call.   Raises SpecError naming the nearest that there is."""
    name = expression.name
    for look in (_record_field, _draw_field, _block_method, _bijection_view, _model_view):
        found = look(site, value, name)
        if found is not None:
            return found
    foreign = of_method(call) if call is not None and isinstance(value, Node) else None
    if call is not None and foreign is not None:
        raise faults.foreign_call(call.span, call, foreign)
    place = expression.name_span or expression.span
    raise faults.no_attribute(place, value, name, _known(site, value), expression.value.span)


def _record_field(site: Evaluator, value: Value, name: str) -> Value | None:
    return value.fields.get(name) if isinstance(value, Record) else None


def _draw_field(site: Evaluator, value: Value, name: str) -> Value | None:
    if not isinstance(value, Node):
        return None
    if value.origin is not None:
        shared = shared_value(site.world.shared, site.tracer, f"{value.arguments[0]}.{name}", value.span)
        if shared is not None:
            return shared
    for _, drawn in reversed(site.tracer.drawn(value)):
        if name in drawn.fields:
            return drawn.fields[name]
        if name == "noise":
            return as_value(drawn.noise)
    if value.family and name in FAMILY_FIELDS[value.family]:
        return site.tracer.field(value, name, name=f"{value.name}_{name}")
    return None


FAMILY_FIELDS = {
    "normal": ("mean", "std"), "bernoulli": ("mean", "logits"), "uniform": ("low", "high", "mean"),
    "logistic": ("mean", "std"), "logistic_mixture": ("mean", "std"), "categorical": ("mean", "logits", "mode"),
}  # fmt: skip


def _block_method(site: Evaluator, value: Value, name: str) -> Any:  # noqa: ANN401
    if not isinstance(value, BlockValue):
        return None
    declared = site.world.blocks[value.name]
    if declared.role == "chain" and name == "timestep":
        return TimestepModel(value.name, declared.options["steps"])
    if declared.role == "chain" and name == "terminal":
        return StandardModel("normal")
    if declared.role == "memory" and name == "read":
        return lambda at, call: MemoryModel.of_call(at, value, call)
    if name == "inverse" and declared.bijective:
        return lambda at, call: inverted(at, value, call)
    if name in declared.methods:
        return lambda at, call: call_block_at(at, value, name, call)
    return None


def _bijection_view(site: Evaluator, value: Value, name: str) -> View | None:
    if isinstance(value, Bijection) and name == "inverse":
        return lambda at, call: value.inverse(at.tracer, at.tensor(call.arguments[0].value), call.span)
    return None


def _model_view(site: Evaluator, value: Value, name: str) -> Any:  # noqa: ANN401
    model = site.as_model(value)
    if model is None:
        return None
    if name == "noise":
        return NoiseModel(model)
    views = {"at": _at, "log_prob": _log_prob, "log_density": _log_density}
    return (lambda at, call: views[name](at, model, call)) if name in views else None


def _at(site: Evaluator, model: Model, call: Call) -> Value:
    if len(call.arguments) != 1 or call.arguments[0].name:
        raise faults.wrong_count(call.span, f"{model.name}.at", 1, len(call.arguments))
    noise = as_noise(site(call.arguments[0].value))
    if noise is None:
        raise faults.not_noise(call.arguments[0].value.span, model.name)
    drawn = model.at(site.tracer, noise, call.span)
    site.tracer.remember(model, drawn)
    return drawn.value


def _log_prob(site: Evaluator, model: Model, call: Call) -> Value:
    density = _density(site, model, call) if not model.weighted else None
    if density is None or model.weighted:  # a program finds out on the way
        raise faults.unnormalised(call.span, model.name)
    return density


def _log_density(site: Evaluator, model: Model, call: Call) -> Value:
    return _density(site, model, call)


def _density(site: Evaluator, model: Model, call: Call) -> Value:
    given = site.operand if model.at_numbers else site.tensor
    named = {argument.name: given(argument.value) for argument in call.arguments if argument.name}
    positional = [given(argument.value) for argument in call.arguments if not argument.name]
    if named and not positional:
        return model.joint_log_prob(site.tracer, named, call.span)
    if len(positional) != 1 or named:
        raise faults.wrong_count(call.span, f"{model.name}.log_prob", 1, len(call.arguments))
    value = positional[0]
    for drawer, drawn in site.tracer.drawn(value) if isinstance(value, Node) else ():
        if drawer is model or drawer.same_as(model):
            return model.log_prob_at(site.tracer, drawn.noise, call.span)
    return model.log_prob(site.tracer, value, call.span)


def _known(site: Evaluator, value: Value) -> list[str]:
    if isinstance(value, Record):
        return list(value.fields)
    names: list[str] = []
    if isinstance(value, Node):
        names += [name for _, drawn in site.tracer.drawn(value) for name in (*drawn.fields, "noise")]
        names += FAMILY_FIELDS.get(value.family or "", ())
        names += fields_of(site.world.shared, str(value.arguments[0])) if value.origin is not None else []
    if isinstance(value, BlockValue):
        declared = site.world.blocks[value.name]
        names += [*declared.methods, *({"chain": ["timestep", "terminal"], "memory": ["read"]}.get(declared.role, []))]
    if site.as_model(value) is not None:
        names += ["noise", "at", "log_prob", "log_density"]
    return names
