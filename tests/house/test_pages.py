"""Every code has a page, and every page a code; every docstring shows what is wrong and what is right in a line."""

import runners.launch  # noqa: F401  the runner's codes are declared by importing it
from compose.explanation import every_code
from compose.pages import FOLDER, summaries


def test_every_code_has_a_page_and_every_page_a_code():
    codes, pages = set(summaries()), {path.stem for path in FOLDER.glob("*.yaml")}
    assert sorted(codes - pages) == [], "write compose/checks/pages/CODE.yaml"
    assert sorted(pages - codes) == []


def test_the_sources_say_which_codes_there_are():
    assert {code: known.page.split("\n")[0] for code, known in every_code().items()} == summaries()


def test_every_docstring_of_a_code_shows_wrong_and_right():
    pages = {code: known.page for code, known in every_code().items()}
    assert [code for code, page in pages.items() if "Wrong: " not in page or "Right: " not in page] == []
