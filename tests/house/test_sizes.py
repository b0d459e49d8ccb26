"""A file under 300 lines, a function under 40, folders two deep; the test leaves some air above the first two."""

import ast

from tests.house.sources import FUNCTIONS, Source, offences, refuse, snippet, sources

FILE_LINES, FUNCTION_LINES, DEPTH = 400, 60, 2


def long_files(source: Source):
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield 1, f"{count} lines, over {FILE_LINES}: a family that outgrows its file becomes a folder of that name"


def long_functions(source: Source):
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS):
            count = node.end_lineno - node.lineno + 1
            if count > FUNCTION_LINES:
                yield node.lineno, f"`{node.name}` has {count} lines, over {FUNCTION_LINES}"


def deep_files(source: Source):
    folders = source.path.count("/")
    if folders > DEPTH:
        yield 1, f"{folders} folders deep, over {DEPTH}"


def test_no_file_is_too_long():
    refuse(offences(long_files, sources()))


def test_no_function_is_too_long():
    refuse(offences(long_functions, sources()))


def test_no_folder_is_too_deep():
    refuse(offences(deep_files, sources()))


def test_a_long_file_is_seen():
    assert offences(long_files, [snippet("x = 1\n" * (FILE_LINES + 1))])
    assert not offences(long_files, [snippet("x = 1\n" * FILE_LINES)])


def test_a_long_function_is_seen():
    body = "    def method(self):\n" + "        x = 1\n" * FUNCTION_LINES
    assert offences(long_functions, [snippet("class Long:\n" + body)])
    assert not offences(long_functions, [snippet("class Fits:\n" + body.rsplit("\n", 2)[0])])


def test_a_deep_file_is_seen():
    assert offences(deep_files, [snippet("", "compose/a/b/c.py")])
    assert not offences(deep_files, [snippet("", "compose/checks/c.py")])
