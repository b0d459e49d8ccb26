"""The items of a list that go by names: stages, and the updates of a stage.

item_of(items, "energy", "stage") -> 1        item_names(items, "stage") -> ["vae", "energy"]
"""

from collections.abc import Mapping, Sequence

from compose.positions import Node

__all__ = ["LISTS", "item_names", "item_of"]

LISTS = {"stages": "stage", "updates": "update"}  # lists whose items have names, and what an item is called


def item_of(items: Sequence[Node], text: str, noun: str) -> int | None:
    """The place of the item that a text means: its name, else its position, from 0."""
    names = item_names(items, noun)
    if text in names:
        return names.index(text)
    return int(text) if text.isascii() and text.isdecimal() and int(text) < len(items) else None


def item_names(items: Sequence[Node], noun: str) -> list[str]:
    """What the items are called: by their `name`, else by their number (`stage1`)."""
    return [
        str(node.data.get("name", f"{noun}{at + 1}")) if isinstance(node.value, Mapping) else f"{noun}{at + 1}"
        for at, node in enumerate(items)
    ]
