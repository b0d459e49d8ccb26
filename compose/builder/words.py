"""`c`: every word of the language as an attribute, and the parts of a spec beside them."""

from compose.builder import values
from compose.builder.drafts import Draft
from compose.builder.parts import Block, Data, Optimizer, Stage, Term, Update
from compose.builder.places import here
from compose.builder.values import Value, value_of
from compose.expressions import Hole, Name, parse
from compose.expressions import Text as TextOf

__all__ = ["Words", "c"]


class Words:
    """The words of the language.   `c.normal` is the word `normal`, `c._` the hole; `c.Block` and such are parts."""

    Data, Draft, Optimizer, Stage, Term, Update, Value = Data, Draft, Optimizer, Stage, Term, Update, Value
    Block = staticmethod(Block)

    @staticmethod
    def Word(name: str) -> values.Value:  # noqa: N802  a part, as `Block` is
        """Any word, also one that Python keeps for itself: `c.Word("lambda")`."""
        return value_of(Name(name, here()))

    @staticmethod
    def Text(text: str) -> values.Value:  # noqa: N802  a part, as `Block` is
        """A text in quotes, where a bare text would be a word."""
        return value_of(TextOf(text, here()))

    @staticmethod
    def Line(text: str) -> values.Value:  # noqa: N802  a part, as `Block` is
        """An expression, written as a spec writes it: `c.Line("-prior.log_prob(sg(z))")`.   Raises SpecError."""
        return value_of(parse(text))

    def __getattr__(self, name: str) -> values.Value:
        if name.startswith("__"):
            raise AttributeError(name)
        return value_of(Hole(here()) if name == "_" else Name(name, here()))

    def __dir__(self) -> list[str]:
        from blocks.registry import OPERATORS  # reads the sources: on use

        return [*super().__dir__(), *OPERATORS.names()]


c = Words()
