"""What is said about a text that is not YAML, or more YAML than the language takes (Y1xx)."""

from pathlib import Path

from compose.diagnostics import Edit, Finding, Note, Span, finding
from compose.positions.nodes import Node
from compose.spelling import nearest
from compose.suggestions import meant

__all__: list[str] = []


@finding("Y101", "error")
def unreadable_file(file: str, reason: str) -> Finding:
    """A file cannot be read: it is not there, it is a folder, or reading it is not allowed.

    Wrong: `compose check gfl.yaml` where only `glf.yaml` exists.   Right: name a file that exists.
    """
    folder = Path(file).parent
    beside = {each.stem: each for each in sorted(folder.iterdir()) if each != Path(file)} if folder.is_dir() else {}
    near = nearest(Path(file).stem, beside)
    return Finding(
        span=Span(file, 1, 1, 1, 1),
        message=f"`{file}` cannot be read: {reason}",
        help=f"did you mean `{beside[near]}`?" if near else "name a file that exists and may be read",
    )


@finding("Y372", "error")
def python_file(file: str) -> Finding:
    """A file of Python is given where a spec is read: it builds its spec when it is executed, which no command does.

    Wrong: `compose run mine.py`.   Right: `python mine.py`, which ends with `compose.run(draft)`.
    """
    return Finding(
        span=Span(file, 1, 1, 1, 1),
        message=f"`{file}` is Python, and a spec is read from YAML or JSON",
        help=f"execute it, `python {file}`: `compose.check(draft)` and `compose.run(draft)` are what the commands do, "
        "`print(draft)` is the YAML",
    )


@finding("Y102", "error")
def not_utf8(span: Span, byte: int) -> Finding:
    """A file holds bytes that are no text in UTF-8.

    Wrong: a file saved as Latin-1 or UTF-16.   Right: save it as UTF-8.
    """
    return Finding(span=span, message=f"the byte 0x{byte:02x} here is not UTF-8", help="save the file as UTF-8")


@finding("Y103", "error")
def control_character(span: Span, character: str) -> Finding:
    """A text holds a control character: NUL and its like, which YAML forbids, or one that turns the order of letters.

    Wrong: a binary file; a name with U+202E, which shows another name than it is.   Right: remove the character.
    """
    return Finding(span=span, message=f"a control character (U+{ord(character):04X}) stands here", help="remove it")


@finding("Y104", "error")
def empty_file(span: Span) -> Finding:
    """A file holds nothing, or only comments.

    Wrong: an empty file.   Right: start with `compose: 1`.
    """
    return Finding(span=span, message="there is nothing in this file", help="start it with `compose: 1`")


@finding("Y105", "error")
def scalar_file(span: Span, text: str) -> Finding:
    """A file holds one text or number where a mapping of keys is needed.

    Wrong: `compose 1`.   Right: `compose: 1`, with a colon and a blank.
    """
    shown = text if len(text) < 40 else text[:37] + "..."
    return Finding(
        span=span,
        message=f"the file is one single value, `{shown}`, not keys with values",
        help="write `key: value` lines, with a blank after each colon",
    )


@finding("Y106", "error")
def several_documents(span: Span) -> Finding:
    """A file holds several YAML documents.

    Wrong: a second `---`.   Right: one file for each spec.
    """
    return Finding(span=span, message="a second document starts here", help="put it into a file of its own")


@finding("Y107", "error")
def directive(span: Span) -> Finding:
    """A file asks for another version of YAML or declares tags.

    Wrong: `%YAML 1.1`.   Right: nothing; specs are YAML 1.2.
    """
    return Finding(span=span, message="specs are YAML 1.2 without tags", help="remove the lines that start with `%`")


@finding("Y108", "error")
def tag(span: Span, name: str) -> Finding:
    """A value carries a YAML tag; a spec is plain data and needs none.

    Wrong: `steps: !!int 8`.   Right: `steps: 8`.
    """
    return Finding(span=span, message=f"the tag `{name}` has no meaning in a spec", help="remove the tag")


@finding("Y109", "error")
def duplicate_key(span: Span, key: str, first: Span) -> Finding:
    """A key stands twice in one mapping, so that one of its values would be lost.

    Wrong: two `decoder:` lines under `blocks`.   Right: one, or two different names.
    """
    return Finding(
        span=span,
        message=f"`{key}` stands twice in the same mapping",
        help="rename or remove one of the two",
        notes=(Note(first, "the first one"),),
    )


@finding("Y110", "error")
def key_not_text(span: Span, what: str, text: str = "") -> Finding:
    """A key is a number, a truth value, nothing at all, or a whole list; keys are names.

    Wrong: `1: cat`.   Right: `"1": cat`.
    """
    return Finding(
        span=span,
        message=f"a key must be a name, this one is {what}",
        help=f'put it in quotes (`"{text}"`) or give it a name' if text else "give it a name",
    )


@finding("Y111", "error")
def key_without_value(span: Span, key: str, before: Node | None = None) -> Finding:
    """A name stands in `{ }` without a colon and a value; or digits, behind the number `before` and a comma.

    Wrong: `{kind, latent: 20}`.   Right: `{kind: encoder.mlp, latent: 20}`.
    """
    if before is not None:
        whole = f"{before.text}.{key}"
        message = "YAML cuts this number at its comma; a number is written with a point"
        fix = (Edit(before.span.to(span), whole, f"{before.text},{key}"),)
        return Finding(span=before.span.to(span), message=message, help=f"write {whole}", fix=fix)
    name, colon, value = key.partition(":")
    if colon and name.isidentifier():
        fix = (Edit(span, f"{name}: {value}", key),)
        return Finding(span=span, message="no blank stands behind this colon", help=f"write `{name}: {value}`", fix=fix)
    return Finding(span=span, message=f"`{key}` stands in `{{ }}` without a value", help=f"write `{key}: ...`")


@finding("Y112", "error")
def cut_expression(span: Span, whole: str) -> Finding:
    """Within `{ }` and `[ ]` YAML takes commas and brackets for its own, so an expression in them is cut to pieces.

    Wrong: `{value: squared_error(x_hat, x), every: 2}`.   Right: block style, one key a line, or quotes around it.
    """
    shown = " ".join(whole.split())
    safe = not set(whole) & set("\"'\\\n")
    return Finding(
        span=span,
        message="YAML cuts this expression at its comma, because it stands within `{ }` or `[ ]`",
        help=f'write one key a line (block style), or quote it: "{shown}"',
        fix=(Edit(span, f'"{whole}"', whole),) if safe else (),
    )


@finding("Y113", "error")
def alias_of_itself(span: Span, anchor: str) -> Finding:
    """An alias stands within the value that its own anchor names, so that it would never end.

    Wrong: `a: &a [*a]`.   Right: write the value out.
    """
    return Finding(
        span=span, message=f"`*{anchor}` stands within its own anchor `&{anchor}`", help="write the value out"
    )


@finding("Y114", "error")
def unknown_alias(span: Span, anchor: str, known: tuple[str, ...]) -> Finding:
    """An alias names an anchor that was not declared before it.

    Wrong: `prior: *net` without `&net`.   Right: declare the anchor first, or quote a text that starts with `*`.
    """
    return Finding(
        span=span,
        message=f"no anchor `&{anchor}` stands before this",
        help=meant(f"*{anchor}", [f"*{each}" for each in known], "declare it, or quote a text that starts with `*`"),
    )


@finding("Y115", "error")
def too_large(span: Span, most: int) -> Finding:
    """A file has too many values, mostly because aliases of aliases multiply.

    Wrong: nine anchors that each repeat the one before nine times.   Right: write out what is needed.
    """
    return Finding(
        span=span,
        message=f"with its aliases written out the file has more than {most} values",
        help="use fewer aliases and values",
    )


@finding("Y116", "error")
def too_deep(span: Span, most: int) -> Finding:
    """Mappings and lists are nested deeper than any spec can mean.

    Wrong: ten thousand opening brackets.   Right: a flatter file.
    """
    return Finding(span=span, message=f"this is nested more than {most} levels deep", help="flatten it")


@finding("Y117", "error")
def half_character(span: Span) -> Finding:
    r"""A text holds one half of a character that is written as a pair of escapes.

    Wrong: `"\ud83d"`.   Right: `"\ud83d\ude00"`, or the character itself.
    """
    return Finding(span=span, message="an escape in this text is half a character", help="write the character itself")


@finding("Y118", "error")
def long_number(span: Span) -> Finding:
    """A number has hundreds of digits, or lies beyond the range of floating point.

    Wrong: `seed: 111...1`, or `lr: 1e999`.   Right: a smaller number, or quotes if it is a text.
    """
    return Finding(span=span, message="this number is too large", help="make it smaller, or quote it if it is a text")


@finding("Y119", "error")
def too_long(span: Span, length: int, most: int) -> Finding:
    """A file is larger than any spec; it is data, or was named by mistake.

    Wrong: `compose check weights.bin`.   Right: `compose check spec.yaml`; large data belong to `data`.
    """
    return Finding(
        span=span,
        message=f"this has {length:,} bytes; a spec has {most:,} at most",
        help="name the spec, and give what is large to `data` as a file",
    )


@finding("Y121", "error")
def tab(span: Span, fix: tuple[Edit, ...] = ()) -> Finding:
    """A line is indented with a tab; YAML allows blanks only.

    Wrong: a tab before `kind:`.   Right: two blanks.
    """
    return Finding(
        span=span, message="this line is indented with a tab", help="indent with blanks, two a level", fix=fix
    )


@finding("Y122", "error")
def indentation(span: Span) -> Finding:
    """A line starts at a column where no mapping or list is open.

    Wrong: a key one blank to the left of its neighbours.   Right: neighbours start in the same column.
    """
    return Finding(
        span=span,
        message="this line does not line up with the ones above",
        help="keys of one mapping start in the same column; items of one list too",
    )


@finding("Y123", "error")
def unclosed(span: Span, opening: str) -> Finding:
    """A bracket or a quote is opened and the file ends before it is closed.

    Wrong: `hidden: [64, 64`.   Right: `hidden: [64, 64]`.
    """
    what = f"`{opening}`" if opening and opening in "[{'\"" else "what starts here"
    return Finding(span=span, message=f"{what} is never closed", help="close it, or quote a text that holds this sign")


@finding("Y124", "error")
def reserved_character(span: Span, character: str) -> Finding:
    """A value starts with a sign that YAML keeps for itself.

    Wrong: `root: @data`.   Right: `root: "@data"`.
    """
    sign = "a backtick" if character == "`" else f"`{character}`"
    return Finding(span=span, message=f"in YAML no value can start with {sign}", help="remove it, or quote the value")


@finding("Y125", "error")
def unexpected_colon(span: Span) -> Finding:
    """A colon stands where YAML expects the end of a value.

    Wrong: `note: first: second`.   Right: `note: "first: second"`, or a new line for the new key.
    """
    return Finding(
        span=span,
        message="a second colon stands in this value",
        help="start a new line for a new key, or put the value in quotes",
    )


@finding("Y126", "error")
def bad_alias(span: Span, sign: str) -> Finding:
    """A value starts with `*` or `&`, which YAML takes for an alias or an anchor, and no name follows.

    Wrong: `size: * energy(x)`.   Right: `size: 0.1 * energy(x)`.
    """
    return Finding(
        span=span,
        message=f"YAML takes `{sign}` here for an {'alias' if sign == '*' else 'anchor'}",
        help=f"write what stands before the `{sign}`; a text that starts with it needs quotes",
    )


@finding("Y127", "error")
def list_in_line(span: Span) -> Finding:
    """A `-` with a blank behind it stands in the line of its key; there it would start a list.

    Wrong: `x: - y`.   Right: `x: -y`, or the items of a list on lines of their own.
    """
    return Finding(
        span=span,
        message="a list cannot start behind its key",
        help="for a minus leave out the blank (`-y`); for a list start a new line",
    )


@finding("Y128", "error")
def after_quotes(span: Span) -> Finding:
    """Something follows a text in quotes.

    Wrong: `root: 'data' / 2`.   Right: quotes around the whole value, or none.
    """
    return Finding(
        span=span, message="something follows the closing quote", help="put quotes around the whole value, or none"
    )


@finding("Y129", "error")
def other_syntax(span: Span, problem: str) -> Finding:
    """The text is not YAML at this place.

    Wrong: `a: 'b' c`.   Right: one value for each key; quotes around all of it or none.
    """
    return Finding(span=span, message=f"this is not YAML: {problem}", help="put a text with special signs in quotes")
