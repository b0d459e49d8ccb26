"""What is said about the syntax of an expression (Y2xx)."""

import re

from compose.diagnostics import Edit, Finding, Note, Span, finding

__all__: list[str] = []

DECIMAL = re.compile(r"-?\d+,\d+(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
LOOKALIKES = {
    "\u2212": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u00d7": "*",
    "\u00b7": "*",
    "\u22c5": "*",
    "\u00f7": "/",
    "\u223c": "~",
    "\u02dc": "~",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": "'",
    "\u201d": "'",
    "\u00a0": " ",
}
MEANT = {
    "%": "there is no remainder; use `//` and `-`",
    "@": "multiply matrices with an operator of that name",
    "&": "multiply two conditions of 0 and 1",
    "|": "add two conditions of 0 and 1",
    "{": "write `record(z=v)`",
    "}": "write `record(z=v)`",
    "$": "write the param's name, without `$`",
    ":": "name an argument with `=`",
    "\\": "write no line continuation",
    "#": "put comments on lines of their own",
    ";": "one line is one expression",
    "!": "there is no negation; turn the comparison around",
    "?": "write `where(c, a, b)`",
}


@finding("Y201", "error")
def unexpected_character(span: Span, character: str) -> Finding:
    """A character stands in an expression that no expression can hold.

    Wrong: `a % b`.   Right: only numbers, names, 'texts', brackets, and `+ - * / // ** ~ . , =`.
    """
    like = LOOKALIKES.get(character)
    way_out = f"write `{like}`" if like else MEANT.get(character, "names are letters, digits and `_`; spell out others")
    fix = (Edit(span, like, character),) if like else ()
    return Finding(span=span, message=f"`{character}` means nothing in an expression", help=way_out, fix=fix)


@finding("Y202", "error")
def unclosed_bracket(span: Span, opening: str, closing: str, note: Note) -> Finding:
    """A bracket is opened and never closed.

    Wrong: `kl(q, normal`.   Right: `kl(q, normal)`.
    """
    return Finding(
        span=span,
        message=f"a `{closing}` is missing here: `{opening}` is never closed",
        help=f"add `{closing}`",
        notes=(note,),
    )


@finding("Y203", "error")
def unopened(span: Span, closing: str, note: Note) -> Finding:
    """A bracket is closed that was never opened.

    Wrong: `energy(x))`.   Right: `energy(x)`.
    """
    opening = "(" if closing == ")" else "["
    return Finding(
        span=span,
        message=f"this `{closing}` closes nothing",
        help=f"add the `{opening}` that is missing, or remove this `{closing}`",
        notes=(note,),
    )


@finding("Y204", "error")
def wrong_closing(span: Span, found: str, closing: str, note: Note) -> Finding:
    """A bracket is closed by one of another kind.

    Wrong: `mlp([1, 2)`.   Right: `mlp([1, 2])`.
    """
    return Finding(
        span=span,
        message=f"`{found}` stands where `{closing}` should",
        help=f"close with `{closing}` first",
        notes=(note,),
    )


@finding("Y205", "error")
def missing_operand(span: Span, where: str) -> Finding:
    """A value is missing beside an operator, after a comma, or between brackets.

    Wrong: `energy(x) -`.   Right: `energy(x) - energy(neg)`.
    """
    return Finding(span=span, message=f"a value is missing {where}", help="write the value, or remove what needs it")


@finding("Y206", "error")
def empty_expression(span: Span) -> Finding:
    """An expression is empty.

    Wrong: `z: ""`.   Right: `z: encoder(x)`.
    """
    return Finding(span=span, message="an expression is missing here", help="write one, such as `encoder(x)`")


@finding("Y207", "error")
def missing_operator(span: Span, found: str, note: Note, listed: bool = False) -> Finding:
    """Two values stand side by side with nothing between them.

    Wrong: `2 energy(x)`.   Right: `2 * energy(x)`.
    """
    words = {"and": "multiply two conditions", "or": "add two conditions", "if": "write `where(c, a, b)`"}
    sign = "a comma or an operator" if listed else "an operator"
    return Finding(
        span=span,
        message=f"{sign} is missing before `{found}`",
        help=words.get(found, "put `,` or, for a product, `*` between them" if listed else "put `*` between them"),
        notes=(note,),
    )


@finding("Y208", "error")
def misplaced_comparison(span: Span, name: str | None = None) -> Finding:
    """A comparison stands elsewhere than as the first argument of `where`.

    Wrong: `loss: energy(x) < 0`.   Right: `loss: where(energy(x) < 0, 1, 0)`.
    """
    return Finding(
        span=span,
        message="a comparison may only be the first argument of `where(c, a, b)`",
        help=f"name an argument with one `=`: `{name}=..`" if name else "write `where(..., 1, 0)` around it",
    )


@finding("Y209", "error")
def chained_comparison(span: Span) -> Finding:
    """Two comparisons are chained.

    Wrong: `where(0 < t < 1, a, b)`.   Right: `where(0 < t, where(t < 1, a, b), b)`.
    """
    return Finding(span=span, message="comparisons cannot be chained", help="nest two `where(...)`")


@finding("Y210", "error")
def caret(span: Span) -> Finding:
    """A power is written with `^`.

    Wrong: `x ^ 2`.   Right: `x ** 2`.
    """
    fix = (Edit(span, "**", "^"),)
    return Finding(span=span, message="`^` is no operator", help="write a power as `**`", fix=fix)


@finding("Y211", "error")
def misplaced_equals(span: Span, *notes: Note) -> Finding:
    """An `=` stands outside the arguments of a call.

    Wrong: `z = encoder(x)`.   Right: a line `z: encoder(x)`; in a condition, `==`.
    """
    return Finding(
        span=span,
        message="`=` only names an argument of a call",
        help="name a value by a line of its own (`z: ...`); compare with `==` within `where(...)`",
        notes=notes,
    )


@finding("Y212", "error")
def not_equal(span: Span) -> Finding:
    """A comparison uses `!=`, which the language has not.

    Wrong: `where(y != 3, a, b)`.   Right: `where(y == 3, b, a)`.
    """
    return Finding(
        span=span, message="`!=` is no operator", help="write `==` and exchange the other two arguments of `where`"
    )


@finding("Y213", "error")
def positional_after_named(span: Span, note: Note) -> Finding:
    """An argument by place follows one by name.

    Wrong: `langevin(steps=60, vaebm)`.   Right: `langevin(vaebm, steps=60)`.
    """
    return Finding(
        span=span,
        message="an argument without a name follows one with a name",
        help="name it too, or move it to the front",
        notes=(note,),
    )


@finding("Y214", "error")
def repeated_argument(span: Span, name: str, note: Note) -> Finding:
    """An argument is given twice.

    Wrong: `langevin(vaebm, steps=60, steps=80)`.   Right: one of them.
    """
    return Finding(span=span, message=f"the argument `{name}` is given twice", help="remove one", notes=(note,))


@finding("Y215", "error")
def bad_argument_name(span: Span) -> Finding:
    """What stands before `=` is not a name.

    Wrong: `f(2 = x)`.   Right: `f(k=2)`.
    """
    return Finding(
        span=span, message="what stands before `=` must be the name of an argument", help="write `name=value`"
    )


@finding("Y216", "error")
def missing_attribute(span: Span) -> Finding:
    """A dot is followed by no name.

    Wrong: `prior.(z)`.   Right: `prior.log_prob(z)`.
    """
    return Finding(span=span, message="a name is missing after the dot", help="write one, such as `.log_prob`")


@finding("Y217", "error")
def double_draw(span: Span) -> Finding:
    """Two `~` stand in a row; the first draw gives a value, which cannot be drawn.

    Wrong: `~~prior`.   Right: `~prior`.
    """
    return Finding(span=span, message="a draw is drawn again", help="write one `~`")


@finding("Y218", "error")
def unclosed_text(span: Span) -> Finding:
    """A text in quotes is opened and never closed.

    Wrong: `classes('cat)`.   Right: `classes('cat')`.
    """
    return Finding(span=span, message="this text is never closed", help="add `'`")


@finding("Y219", "error")
def double_quotes(span: Span) -> Finding:
    """A text in an expression stands in double quotes.

    Wrong: `captions("a cat")`.   Right: `captions('a cat')`.
    """
    return Finding(span=span, message="texts stand in single quotes", help="write `'...'`")


@finding("Y220", "error")
def number_too_large(span: Span, text: str) -> Finding:
    """A number is larger than a floating-point number can be.

    Wrong: `1e999`.   Right: a smaller number.
    """
    return Finding(span=span, message=f"the number {text[:12]}... is too large", help="write a smaller one")


@finding("Y221", "error")
def leading_zero(span: Span, text: str) -> Finding:
    """A whole number starts with a zero.

    Wrong: `007`.   Right: `7`.
    """
    return Finding(span=span, message="a whole number does not start with 0", help=f"write `{int(text)}`")


@finding("Y222", "error")
def leading_plus(span: Span) -> Finding:
    """A plus stands before a value with nothing to add it to.

    Wrong: `+x`.   Right: `x`.
    """
    return Finding(span=span, message="a value is missing before this `+`", help="remove the `+`")


@finding("Y223", "error")
def misplaced_comma(span: Span, text: str = "") -> Finding:
    """A comma stands outside the brackets of a call or a list.

    Wrong: `~flow, x`.   Right: a line for each, or `record(sample=~flow, data=x)`.
    """
    if DECIMAL.fullmatch(text):
        meant = text.replace(",", ".")
        message = "a number is written with a point, not with a comma"
        return Finding(span=span, message=message, help=f"write {meant}", fix=(Edit(span, ".", ","),))
    return Finding(
        span=span,
        message="a comma stands outside brackets",
        help="write a line for each value, or `record(a=.., b=..)`",
    )


@finding("Y224", "error")
def too_deep(span: Span, most: int) -> Finding:
    """An expression is nested too deep, or is a sum of too many terms.

    Wrong: a hundred brackets within each other.   Right: name parts of it on lines of their own.
    """
    return Finding(
        span=span,
        message=f"this expression is more than {most} levels deep",
        help="name parts of it on lines of their own",
    )


@finding("Y225", "error")
def too_long(span: Span, most: int) -> Finding:
    """An expression is longer than anybody could read, mostly because a program wrote it.

    Wrong: a call with ten thousand arguments.   Right: a list in `params`, or parts on lines of their own.
    """
    return Finding(
        span=span,
        message=f"this expression has more than {most} characters",
        help="name parts of it on lines of their own",
    )


@finding("Y251", "error")
def bad_structure(span: Span, problem: str, way_out: str) -> Finding:
    """An expression in its structured form does not have that form.

    Wrong: `{call: kl, off: [q, normal]}`.   Right: `{call: kl, of: [q, normal]}`.
    """
    return Finding(span=span, message=problem, help=way_out)


@finding("Y252", "error")
def bad_number(span: Span, text: str) -> Finding:
    """A value that is no finite number stands where an expression should.

    Wrong: `beta: .inf`.   Right: `beta: 1e6`.
    """
    return Finding(span=span, message=f"{text} is no number that an expression can hold", help="write a finite number")
