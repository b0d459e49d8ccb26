"""What is said about a file that is YAML but no spec (Y3xx), and about its names and numbers."""

from collections.abc import Iterable

from compose.diagnostics import Edit, Finding, Note, Span, finding
from compose.suggestions import meant, respelt

__all__: list[str] = []


@finding("Y301", "error")
def unknown_key(span: Span, key: str, where: str, known: Iterable[str]) -> Finding:
    """A key has no meaning where it stands.

    Wrong: `stage:`.   Right: `stages:`.
    """
    known = tuple(known)
    return Finding(
        span=span,
        message=f"`{key}` is no key of {where}",
        help=meant(key, known, f"it may have {', '.join(known)}"),
        fix=respelt(span, key, known),
    )


@finding("Y302", "error")
def missing_key(span: Span, key: str, where: str, example: str) -> Finding:
    """A key that must be written is not there.

    Wrong: a block without `kind`.   Right: `kind: encoder.mlp`.
    """
    return Finding(span=span, message=f"`{key}` is missing in {where}", help=f"add `{example}`")


@finding("Y303", "error")
def wrong_type(span: Span, what: str, wanted: str, got: str, way_out: str = "", fix: tuple[Edit, ...] = ()) -> Finding:
    """A value is of another sort than its key takes.

    Wrong: `epochs: many`.   Right: `epochs: 100`.
    """
    message = f"{what} must be {wanted}, here it is {got}"
    return Finding(span=span, message=message, help=way_out or f"write {wanted}", fix=fix)


@finding("Y304", "error")
def bad_name(span: Span, name: str, noun: str) -> Finding:
    """A name is not made of letters, digits and `_`, or is a word that Python keeps for itself.

    Wrong: `my-encoder: ...`.   Right: `my_encoder: ...`.
    """
    spelt = "".join(character if character.isascii() and character.isalnum() else "_" for character in name).strip("_")
    spelt = f"{noun[0]}{spelt}" if not spelt or spelt[0].isdigit() else spelt
    near = f"{name}_" if name.isidentifier() and name.isascii() else spelt
    return Finding(
        span=span,
        message=f"`{name}` cannot be the name of a {noun}",
        help=f"use letters, digits and `_`, and no word of Python's, such as `{near}`",
    )


@finding("Y305", "error")
def empty_value(span: Span, key: str) -> Finding:
    """A key is written without a value.

    Wrong: `samplers:` and nothing below.   Right: the value, or no key.
    """
    return Finding(span=span, message=f"`{key}` has no value", help="write one, or remove the key")


@finding("Y306", "error")
def wrong_version(span: Span, got: str) -> Finding:
    """The spec asks for a version of the language that this program does not know.

    Wrong: `compose: 2`.   Right: `compose: 1`.
    """
    return Finding(
        span=span, message=f"this program reads version 1 of the language, not {got}", help="write `compose: 1`"
    )


@finding("Y307", "error")
def both_keys(span: Span, first: str, second: str, where: str, other: Span) -> Finding:
    """Two keys exclude each other.

    Wrong: `epochs: 3` and `steps: 100` in one stage.   Right: one of them.
    """
    return Finding(
        span=span,
        message=f"`{second}` and `{first}` exclude each other in {where}",
        help="remove one of them",
        notes=(Note(other, f"`{first}` stands here"),),
    )


@finding("Y308", "error")
def belongs_to_update(span: Span, key: str, updates: Span) -> Finding:
    """A stage with `updates` holds a key that only a single update has.

    Wrong: `minimize` beside `updates`.   Right: `minimize` within one of the updates.
    """
    return Finding(
        span=span,
        message=f"`{key}` cannot stand beside `updates`",
        help=f"move `{key}` into one of the updates",
        notes=(Note(updates, "the stage's updates"),),
    )


@finding("Y309", "error")
def idle_stage(span: Span, what: str) -> Finding:
    """A stage or update does nothing: no term to minimize or maximize, nothing to write, copy or fit.

    Wrong: `- epochs: 3` alone.   Right: add `minimize: {...}`.
    """
    return Finding(span=span, message=f"this {what} does nothing", help="add `minimize:` with a term below it")


@finding("Y310", "error")
def repeated_name(span: Span, name: str, noun: str, first: Span) -> Finding:
    """Two things of one sort have the same name.

    Wrong: two stages called `warmup`.   Right: two names.
    """
    return Finding(
        span=span, message=f"two {noun}s are called `{name}`", help="rename one", notes=(Note(first, "the first one"),)
    )


@finding("Y311", "error")
def bad_function_key(span: Span, key: str, name: str) -> Finding:
    """The key of a function is not a name with parameters in brackets.

    Wrong: `denoise(x + 1)`.   Right: `denoise(x_t, t)`.
    """
    return Finding(span=span, message=f"`{key}` does not define a function", help=f"write `{name}(a, b)`, names only")


@finding("Y312", "error")
def unknown_param(span: Span, name: str, known: Iterable[str]) -> Finding:
    """A number refers to a param that the spec has not.

    Wrong: `steps: TT` with `params: {T: 4}`.   Right: `steps: T`.
    """
    known = tuple(known)
    return Finding(
        span=span,
        message=f"no param is called `{name}`, and a number is needed here",
        help=meant(name, known, f"declare it: `params: {{{name}: ...}}`"),
        fix=respelt(span, name, known),
    )


@finding("Y313", "error")
def not_constant(span: Span, what: str) -> Finding:
    """A number is computed from more than params and arithmetic.

    Wrong: `steps: sqrt(100)`.   Right: `steps: 10`.
    """
    return Finding(
        span=span,
        message=f"{what} is no number that is known beforehand",
        help="use numbers, params and `+ - * / // **`",
    )


@finding("Y314", "error")
def bad_arithmetic(span: Span, problem: str, way: str) -> Finding:
    """A formula has no number as its result: it divides by zero, takes a root of a negative number, or grows too large.

    Wrong: `steps: 1000 // (rounds - 1)` with `rounds: 1`.   Right: `steps: 1000 // rounds`.
    """
    return Finding(span=span, message=problem, help=way)


@finding("Y315", "error")
def param_cycle(span: Span, names: tuple[str, ...], others: tuple[Span, ...]) -> Finding:
    """Params are defined by each other in a circle.

    Wrong: `params: {a: b + 1, b: a + 1}`.   Right: give one of them a number.
    """
    return Finding(
        span=span,
        message=f"params in a circle: {' -> '.join(names)}",
        help="give one of them a number",
        notes=tuple(Note(other, "and on through here") for other in others),
    )


@finding("Y316", "error")
def text_param(span: Span, name: str, text: str) -> Finding:
    """A number refers to a param that holds a text or a truth value.

    Wrong: `steps: source` with `params: {source: digits}`.   Right: a param that holds a number.
    """
    return Finding(
        span=span, message=f"the param `{name}` is `{text}`, and a number is needed here", help="use another param"
    )


@finding("Y317", "error")
def out_of_range(span: Span, what: str, wanted: str, got: str) -> Finding:
    """A number is outside the range that makes sense for its key.

    Wrong: `every: 0`.   Right: `every: 1`.
    """
    return Finding(span=span, message=f"{what} must be {wanted}, here it is {got}", help=f"write {wanted}")


@finding("Y318", "error")
def not_a_choice(span: Span, what: str, got: str, choices: Iterable[str]) -> Finding:
    """A value is none of the few that its key takes.

    Wrong: `batch: other`.   Right: `batch: next`.
    """
    choices = tuple(choices)
    return Finding(
        span=span,
        message=f"{what} cannot be `{got}`",
        help=meant(got, choices, f"it is one of {', '.join(choices)}"),
        fix=respelt(span, got, choices),
    )


@finding("Y319", "error")
def idle_keys(span: Span, keys: Iterable[str], what: str) -> Finding:
    """Keys that only training gives a meaning stand where nothing is trained.

    Wrong: `steps: 100` in a stage that only has `copy`.   Right: no `steps`, or a `minimize` beside it.
    """
    keys = tuple(keys)
    listed = ", ".join(f"`{key}`" for key in keys)
    return Finding(
        span=span,
        message=f"{listed} {'does' if len(keys) == 1 else 'do'} nothing in {what}",
        help=f"remove {'it' if len(keys) == 1 else 'them'}, or add `minimize:` with a term below it",
    )


@finding("Y321", "error")
def base_not_found(span: Span, name: str, known: Iterable[str]) -> Finding:
    """The spec that `extends` names is neither a file beside this one nor a spec of the library.

    Wrong: `extends: gfl.yaml`.   Right: `extends: glf.yaml`.
    """
    return Finding(
        span=span,
        message=f"there is no spec `{name}` to extend",
        help=meant(name, known, "give a path relative to this file, or a spec of the library"),
    )


@finding("Y322", "error")
def base_cycle(span: Span, files: tuple[str, ...]) -> Finding:
    """Specs extend each other in a circle.

    Wrong: a.yaml extends b.yaml, which extends a.yaml.   Right: one of them stands alone.
    """
    return Finding(
        span=span, message=f"specs extend each other in a circle: {' -> '.join(files)}", help="remove one `extends`"
    )


@finding("Y323", "error")
def unknown_item(span: Span, name: str, noun: str, known: Iterable[str]) -> Finding:
    """A spec changes a stage or an update that the spec it extends has not.

    Wrong: `stages: {enregy: {steps: 10}}`.   Right: `stages: {energy: {steps: 10}}`.
    """
    known = tuple(known)
    return Finding(
        span=span,
        message=f"the spec that is extended has no {noun} `{name}`",
        help=meant(name, known, f"it has {', '.join(known)}; to add one, write the whole list"),
        fix=respelt(span, name, known),
    )


@finding("Y324", "error")
def idle_removal(span: Span, key: str, known: Iterable[str]) -> Finding:
    """A key without a value takes away what the extended spec does not have; a similar key is there.

    Wrong: `samplers: {defualt: }` over a spec with the sampler `default`.   Right: `samplers: {default: }`.
    """
    known = tuple(known)
    return Finding(
        span=span,
        message=f"this takes away `{key}`, which is not in the spec that is extended",
        help=meant(key, known, "remove the key"),
        fix=respelt(span, key, known),
    )


@finding("Y325", "error")
def long_chain(span: Span, most: int) -> Finding:
    """Specs extend each other in a chain that nobody could follow.

    Wrong: a hundred files, each of which extends the one before.   Right: one base, and what differs from it.
    """
    return Finding(
        span=span, message=f"more than {most} specs extend each other in a chain", help="extend an earlier one"
    )


@finding("Y331", "error")
def bad_setting(span: Span, text: str) -> Finding:
    """A `--set` is not of the form path=value.

    Wrong: `--set steps`.   Right: `--set stages.0.steps=100`.
    """
    return Finding(span=span, message=f"`{text}` sets nothing", help="write `path=value`, such as `stages.0.steps=100`")


@finding("Y332", "error")
def bad_path(span: Span, step: str, where: str, known: Iterable[str]) -> Finding:
    """A `--set` names a part that the spec has not.

    Wrong: `--set params.TT=8` with `params: {T: 4}`.   Right: `--set params.T=8`.
    """
    known = tuple(known)
    listed = f"it has {', '.join(known)}" if known else "set the whole of it instead"
    return Finding(span=span, message=f"{where} has no `{step}` to set", help=meant(step, known, listed))
