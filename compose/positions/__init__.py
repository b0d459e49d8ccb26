"""Text to data, with a span for every key, every value and every character of a value.

    load(path), loads(text)  ->  Document       .data, .span(path), .text_span(path, start, end), .raw(path)

YAML 1.2 with its core schema (`yes` is a text, `1e-3` a number), and JSON, which is a part of it. What the language
does not need is refused where it stands: tags, several documents, duplicate keys, keys that are not text.
"""

from compose.positions.nodes import Document, Entry, Node, Path, Source
from compose.positions.reading import load, loads, read_node, read_text, survey

__all__ = ["Document", "Entry", "Node", "Path", "Source", "load", "loads", "read_node", "read_text", "survey"]
