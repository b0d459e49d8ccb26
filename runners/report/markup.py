"""HTML that cannot be forgotten to escape: text is escaped when it becomes a part of a tag, and only tags are not.

tag("td", "a < b", class_="name")  ->  <td class="name">a &lt; b</td>
"""

import html
import re

__all__ = ["Markup", "joined", "tag"]

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, what turns the order of the text around, and halves of characters, which no file can hold."""

VOID = {"img", "meta"}
"""Tags that hold nothing, and have no end."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def joined(*parts: str) -> Markup:
    """The parts one after the other, each escaped unless it is markup."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(_shown(part)) for part in parts))


def tag(name: str, /, *parts: str, **attributes: str | float) -> Markup:
    """A tag around its parts.   Of an attribute's name a last `_` is dropped, and any other is a `-`."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_shown(str(value)))}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{joined(*parts)}</{name}>")


def _shown(text: str) -> str:
    return UNSAFE.sub("\ufffd", text)
