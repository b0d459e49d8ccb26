"""Every code has a page, and every page a code."""

from compose.pages import FOLDER, summaries


def test_every_code_has_a_page_and_every_page_a_code():
    codes, pages = set(summaries()), {path.stem for path in FOLDER.glob("*.yaml")}
    assert sorted(codes - pages) == [], "write compose/checks/pages/CODE.yaml"
    assert sorted(pages - codes) == []
