"""The parser: operators by binding power (Pratt, 1973), with the place of every part and a bound on depth."""

from compose.diagnostics import Finding, Note, Span, SpecError
from compose.expressions import findings as say
from compose.expressions.lexer import Locate, Token, tokenize
from compose.expressions.syntax import (
    Argument,
    Attribute,
    Binary,
    Boolean,
    Call,
    Compare,
    Draw,
    Expression,
    Hole,
    Name,
    Negative,
    Number,
    Sequence,
    Text,
    walk,
)

__all__ = ["DEEPEST", "parse"]

DEEPEST = 64  # levels of an expression; every later pass may then use recursion
LONGEST = 10_000  # characters of an expression
COMPARISONS = ("<", "<=", ">", ">=", "==")
POWER = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2}  # binding powers; 0 is a comparison, 3 a minus, 4 a power, 5 a draw

Placed = tuple[Expression, int, int, int]
"""An expression, the characters start .. end it takes with its brackets, and its depth."""


def parse(text: str, locate: Locate | None = None, nesting: int = 0) -> Expression:
    """The expression that `text` holds; `locate` tells where its characters stand, `nesting` how deep it lies already.

    Raises SpecError with placed findings: one for broken syntax, all of them for misplaced comparisons.
    """
    locate = locate or (lambda start, end: Span("<expression>", 1, start + 1, 1, end + 1))
    if len(text) > LONGEST:
        raise SpecError([say.too_long(locate(0, 1), LONGEST)])
    parser = _Parser(text, locate)
    expression = parser.expression(nesting)[0]
    parser.expect_end()
    misplaced = [say.misplaced_comparison(each.span, _named(each)) for each in _misplaced(expression)]
    if misplaced:
        raise SpecError(misplaced)
    return expression


def _named(comparison: Compare) -> str | None:
    """The argument that `name == value` was meant to name, perhaps."""
    left = comparison.left
    return left.name if comparison.operator == "==" and isinstance(left, Name) else None


def _misplaced(expression: Expression) -> list[Compare]:
    allowed = [
        each.arguments[0].value
        for each in walk(expression)
        if isinstance(each, Call)
        and each.function == Name("where")
        and each.arguments
        and each.arguments[0].name is None
    ]
    return [each for each in walk(expression) if isinstance(each, Compare) and not any(each is one for one in allowed)]


class _Parser:
    """Reads the tokens once, from left to right; every method takes what it parses."""

    def __init__(self, text: str, locate: Locate) -> None:
        self.text, self.locate = text, locate
        self.tokens = tokenize(text, locate)
        self.token, self.before = next(self.tokens), 0
        self.last = self.token

    def expression(self, nesting: int) -> Placed:
        """A sum, or a comparison of two."""
        left = self.sum(nesting, 0)
        if self.token.text not in COMPARISONS or self.token.kind != "sign":
            return left
        operator = self.take().text
        right = self.sum(nesting, 0)
        if self.token.kind == "sign" and self.token.text in COMPARISONS:
            raise SpecError([say.chained_comparison(self.place(self.token))])
        span = self.locate(left[1], right[2])
        return Compare(operator, left[0], right[0], span), left[1], right[2], self.deeper(left, right)  # type: ignore[arg-type]

    def sum(self, nesting: int, least: int) -> Placed:
        """Operands joined by operators that bind more than `least`, grouped from the left."""
        left = self.unary(nesting)
        while self.token.kind == "sign" and POWER.get(self.token.text, 0) > least:
            operator = self.take().text
            right = self.sum(nesting + 1, POWER[operator])
            span = self.locate(left[1], right[2])
            left = (Binary(operator, left[0], right[0], span), left[1], right[2], self.deeper(left, right))  # type: ignore[arg-type]
        return left

    def unary(self, nesting: int) -> Placed:
        """A minus and its operand, or a power."""
        self.bound(nesting)
        if not self.at("-"):
            return self.power(nesting)
        start = self.take().start
        inner = self.unary(nesting + 1)
        return Negative(inner[0], self.locate(start, inner[2])), start, inner[2], self.deeper(inner)

    def power(self, nesting: int) -> Placed:
        """A draw or a value, and its exponent: `-x**2` is `-(x**2)`, and `a**b**c` is `a**(b**c)`."""
        base = self.draw(nesting)
        if not self.at("**"):
            return base
        self.take()
        exponent = self.unary(nesting + 1)
        span = self.locate(base[1], exponent[2])
        return Binary("**", base[0], exponent[0], span), base[1], exponent[2], self.deeper(base, exponent)

    def draw(self, nesting: int) -> Placed:
        """A `~` and what it draws, or a value."""
        if not self.at("~"):
            return self.postfix(nesting)
        start = self.take().start
        if self.at("~"):
            raise SpecError([say.double_draw(self.place(self.token))])
        inner = self.postfix(nesting + 1)
        return Draw(inner[0], self.locate(start, inner[2])), start, inner[2], self.deeper(inner)

    def postfix(self, nesting: int) -> Placed:
        """An atom, its attributes and its calls."""
        value = self.atom(nesting)
        while self.at(".") or self.at("("):
            start = value[1]
            if self.at("."):
                self.take()
                if self.token.kind != "name":
                    raise SpecError([say.missing_attribute(self.place(self.token))])
                name = self.take()
                made: Expression = Attribute(value[0], name.text, self.place(name), self.locate(start, name.end))
                depth = self.deeper(value)
            else:
                arguments, inner = self.arguments(nesting + 1)
                made = Call(value[0], arguments, self.locate(start, self.before))
                depth = self.deeper(value, *inner)
            value = (made, start, self.before, depth)
        return value

    def arguments(self, nesting: int) -> tuple[tuple[Argument, ...], list[Placed]]:
        """What stands between the brackets of a call."""
        opening, arguments, inner = self.take(), [], []
        while not self.at(")"):
            name_span, name, value = None, None, self.expression(nesting)
            if self.at("="):
                if not isinstance(value[0], Name):
                    raise SpecError([say.bad_argument_name(self.locate(value[1], value[2]))])
                name, name_span = value[0].name, value[0].span
                self.take()
                value = self.expression(nesting)
            argument = Argument(name, value[0], name_span)
            self.check_argument(argument, arguments)
            arguments.append(argument)
            inner.append(value)
            self.separator(opening, ")")
        self.take()
        return tuple(arguments), inner

    def check_argument(self, argument: Argument, before: list[Argument]) -> None:
        """Refuse an argument by place after one by name, and a second one of the same name."""
        named = [each for each in before if each.name is not None]
        if argument.name is None and named:
            raise SpecError([say.positional_after_named(argument.span, Note(named[0].span, "an argument by name"))])
        for each in named:
            if each.name == argument.name:
                raise SpecError(
                    [say.repeated_argument(argument.span, each.name or "", Note(each.span, "the first one"))]
                )

    def separator(self, opening: Token, closing: str) -> None:
        """A comma, or the closing bracket, which is left to be taken."""
        if self.at(","):
            comma = self.take()
            if self.at(closing):
                span = self.locate(comma.start, self.token.end)
                raise SpecError([say.missing_operand(span, "after this comma")])
        elif not self.at(closing):
            self.expected(opening, closing)

    def atom(self, nesting: int) -> Placed:
        """A number, a text, a name, `_`, or something in brackets."""
        self.bound(nesting)
        token = self.token
        if self.at("(") or self.at("["):
            return self.brackets(nesting)
        if token.kind in ("sign", "end"):
            raise SpecError([self.no_operand()])
        self.take()
        span = self.place(token)
        if token.kind == "number":
            made: Expression = Number(int(token.text) if token.text.isdigit() else float(token.text), span)
        elif token.kind == "text":
            made = Text(token.text[1:-1].replace("''", "'"), span)
        elif token.text in ("true", "false"):
            made = Boolean(token.text == "true", span)
        else:
            made = Hole(span) if token.text == "_" else Name(token.text, span)
        return made, token.start, token.end, 1

    def brackets(self, nesting: int) -> Placed:
        """`(expression)`, which is the expression, or `[items]`."""
        opening = self.take()
        if opening.text == "(":
            if self.at(")"):
                raise SpecError(
                    [say.missing_operand(self.locate(opening.start, self.token.end), "between these brackets")]
                )
            inside = self.expression(nesting + 1)
            if not self.at(")"):
                self.expected(opening, ")")
            self.take()
            return inside[0], opening.start, self.before, inside[3]
        if self.at("]"):
            raise SpecError([say.missing_operand(self.locate(opening.start, self.token.end), "between these brackets")])
        items = []
        while not self.at("]"):
            items.append(self.expression(nesting + 1))
            self.separator(opening, "]")
        self.take()
        made = Sequence(tuple(item[0] for item in items), self.locate(opening.start, self.before))
        return made, opening.start, self.before, self.deeper(*items)

    # -- the tokens ---------------------------------------------------------------------------------------------------

    def at(self, sign: str) -> bool:
        """Whether the next token is this sign."""
        return self.token.kind == "sign" and self.token.text == sign

    def take(self) -> Token:
        """The next token; the one after it becomes the next."""
        taken = self.last = self.token
        self.before = taken.end
        if taken.kind != "end":
            self.token = next(self.tokens)
        return taken

    def place(self, token: Token) -> Span:
        """Where a token stands; the end of the text is the place behind its last word."""
        return self.locate(self.before, self.before) if token.kind == "end" else self.locate(token.start, token.end)

    def bound(self, nesting: int) -> None:
        """Refuse what is nested too deep, before Python's own stack ends."""
        if nesting >= DEEPEST:
            raise SpecError([say.too_deep(self.place(self.token), DEEPEST)])

    def deeper(self, *inner: Placed) -> int:
        """The depth of a part that holds these."""
        depth = 1 + max((each[3] for each in inner), default=0)
        if depth > DEEPEST:
            raise SpecError([say.too_deep(self.place(self.token), DEEPEST)])
        return depth

    # -- what is wrong ------------------------------------------------------------------------------------------------

    def expect_end(self) -> None:
        """Refuse anything behind a whole expression."""
        if self.token.kind == "end":
            return
        span = self.place(self.token)
        if self.token.text in (")", "]", ",", "=") and (found := self.never_opened()):
            raise SpecError([found])
        if self.at("="):
            raise SpecError([say.misplaced_equals(span)])
        if self.at(","):
            raise SpecError([say.misplaced_comma(span, self.text)])
        raise SpecError([say.missing_operator(span, self.token.text, self.after())])

    def after(self) -> Note:
        """The word before the next one."""
        return Note(self.locate(self.last.start, self.last.end), "after this")

    def never_opened(self) -> Finding | None:
        """The finding for the first bracket that closes nothing, with what it may have been meant to close."""
        text, depth = self.text, 0
        for at, sign in enumerate(text):
            depth += (sign in "([") - (sign in ")]")
            if depth < 0:
                note = Note(self.locate(0, max(at, 1)), "no bracket is left open in this")
                return say.unopened(self.locate(at, at + 1), sign, note)
        return None

    def expected(self, opening: Token, closing: str) -> None:
        """Refuse what stands where a comma or the closing bracket of `opening` should."""
        note = Note(self.place(opening), "opened here")
        span = self.place(self.token)
        if self.token.kind == "end":
            raise SpecError([say.unclosed_bracket(span, opening.text, closing, note)])
        if self.at("="):
            raise SpecError([say.misplaced_equals(span, Note(note.span, "within this bracket, which is no call"))])
        if self.token.text in (")", "]") or self.at(","):
            raise SpecError([say.wrong_closing(span, self.token.text, closing, note)])
        raise SpecError([say.missing_operator(span, self.token.text, self.after(), listed=True)])

    def no_operand(self) -> Finding:
        """The finding for a sign, or the end, where a value should stand."""
        span = self.place(self.token)
        if not self.text.strip():
            return say.empty_expression(self.locate(0, len(self.text)))
        if self.token.kind == "end":
            return say.missing_operand(span, "at the end")
        if self.at("+"):
            return say.leading_plus(span)
        return say.missing_operand(span, f"before `{self.token.text}`")
