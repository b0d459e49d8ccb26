"""The pages: HTML from reports, by `tag`, which escapes; style and policy stand in the head of each."""

import base64
from collections.abc import Iterable, Mapping, Sequence

from compose.spec.changes import changes
from runners.report.comparison import Row, compared, labels_of
from runners.report.contents import Report
from runners.report.curves import COLOURS, draw
from runners.report.figures import Figure
from runners.report.markup import Markup, joined, tag

__all__ = ["comparing_page", "page_of"]

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = Markup("""
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; max-width: 1180px; margin: 2rem auto; padding: 0 1.5rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d8dee4 }
.where, .none, .note, figcaption { color: #59636e } .note { font-size: .87rem; font-weight: 400 }
code, pre { font: 13px/1.45 monospace }
.wide { overflow-x: auto } table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #eaeef2 }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap } .best { font-weight: 700; color: #1a7f37 }
.error { color: #59636e; font-weight: 400 } .refused { color: #a40e26; overflow-wrap: anywhere }
.facts th { font-weight: 400; color: #59636e; white-space: nowrap } .facts td { overflow-wrap: anywhere }
.shown { display: flex; flex-wrap: wrap; gap: 1.2rem } figure { margin: 0 } img { max-width: 100%; height: auto }
.samples img { width: 340px } .plot { width: 360px } .plot svg { width: 100%; display: block }
svg text { font: 11px system-ui, sans-serif; fill: #59636e } .frame { fill: none; stroke: #d8dee4 }
.tick { stroke: #d8dee4; stroke-width: .6 } pre { background: #f6f8fa; padding: .8rem 1rem; overflow-x: auto }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em }
.legend span { margin-right: 1.2rem; white-space: nowrap }
""")


def page_of(report: Report) -> str:
    """The page of one run."""
    shown = [tag("figure", _image(one.png, one.name), tag("figcaption", f"{one.name}, step {one.step:,}"))
             for one in report.pictures]  # fmt: skip
    drawing = _image(report.composition, "the composition") if report.composition else Markup()
    return _page(
        report.name, report.folder,
        _section("Figures", _figures(report.figures)),
        _section("Samples", tag("div", *shown, class_="shown samples")) if shown else "",
        _section("Curves", _curves({"": report})),
        _section("Origin", _facts(["", ""], [[key, value] for key, value in report.facts.items()])),
        _section("Composition", drawing) if drawing else "",
        _section("Spec", tag("pre", report.spec)),
    )  # fmt: skip


def comparing_page(reports: Sequence[Report]) -> str:
    """The page that compares runs."""
    labels = labels_of(reports)
    keys = dict.fromkeys(key for report in reports for key in report.facts)
    facts = [[key, *(report.facts.get(key, "") for report in reports)] for key in keys]
    first = reports[0].data
    apart = [
        tag(
            "details",
            tag("summary", label),
            tag("pre", "\n".join(map(str, changes(first, one.data))) or "the same spec"),
        )
        for label, one in zip(labels[1:], reports[1:], strict=True)
    ]
    specs = [
        tag("details", tag("summary", label), tag("pre", one.spec)) for label, one in zip(labels, reports, strict=True)
    ]
    return _page(
        f"{len(reports)} runs compared", ", ".join(report.folder for report in reports),
        _section("Figures", _comparison(compared(reports), labels)),
        _section("Samples", *_side_by_side(reports, labels)),
        _section("Curves", _curves(dict(zip(labels, reports, strict=True)))),
        _section("Origin", _facts(["", *labels], facts)),
        _section(f"What differs from the spec of {labels[0]}", *apart),
        _section("Specs", *specs),
    )  # fmt: skip


def _page(title: str, where: str, *sections: str) -> str:
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width"), tag("title", title), tag("style", STYLE),
    )  # fmt: skip
    body = tag("body", tag("h1", title), tag("div", where, class_="where"), *sections)
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _section(title: str, *parts: str) -> Markup:
    return tag("section", tag("h2", title), *parts) if parts else Markup()


def _figures(figures: Iterable[Figure]) -> Markup:
    rows = [
        _row(
            tag("th", one.name), _cell(one), tag("td", SIDES[one.side]), tag("td", tag("code", one.formula)), _nets(one)
        )
        for one in figures
    ]
    if not rows:
        return tag("p", "the spec of this run has no `evaluate`: nothing is measured", class_="none")
    head = _row(*(tag("th", word) for word in ("", "value ± standard error", "better", "formula", "measured in")))
    return _table(head, *rows)


SIDES = {"lower": "lower", "higher": "higher", None: ""}


def _comparison(rows: Sequence[Row], labels: Sequence[str]) -> Markup:
    """The table, and beneath it what each run means by a figure."""
    if not rows:
        return tag("p", "no spec of these runs has an `evaluate`: nothing is measured", class_="none")
    lines = []
    for row in rows:
        held = [one for one in row.figures if one is not None]
        side = f"{SIDES[held[0].side]} is better" if row.best else row.note
        name = tag("th", row.name, tag("div", side, class_="note") if side else "")
        lines.append(_row(name, *(_cell(one, at in row.best) for at, one in enumerate(row.figures))))
    means = [
        _row(tag("th", row.name), tag("td", label), tag("td", tag("code", one.formula)), _nets(one))
        for row in rows
        for label, one in zip(labels, row.figures, strict=True)
        if one is not None
    ]
    head = _row(*(tag("th", word) for word in ("", *labels)))
    meant = _table(_row(*(tag("th", word) for word in ("", "run", "formula", "measured in"))), *means)
    return joined(_table(head, *lines), tag("details", tag("summary", "what each figure is"), meant))


def _cell(figure: Figure | None, best: bool = False) -> Markup:
    if figure is None:
        return tag("td", "–", title="the spec of this run has no such line")
    if figure.value is None:
        return tag("td", figure.cause or "not measured", class_="refused")
    error = tag("span", f" ± {figure.error:.2g}", class_="error") if figure.error is not None else ""
    return tag("td", f"{figure.value:.6g}", error, " ★" if best else "", class_="number best" if best else "number")


def _nets(figure: Figure) -> Markup:
    lines = [tag("div", f"{net.name} ({net.kind}, {net.source}), ", tag("code", net.digest)) for net in figure.nets]
    return tag("td", *lines, class_="note")


def _side_by_side(reports: Sequence[Report], labels: Sequence[str]) -> list[Markup]:
    names = dict.fromkeys(picture.name for report in reports for picture in report.pictures)
    shown = []
    for name in names:
        figures = [
            tag("figure", _image(one.png, f"{name} of {label}"), tag("figcaption", f"{label}, step {one.step:,}"))
            for label, report in zip(labels, reports, strict=True)
            for one in report.pictures
            if one.name == name
        ]
        shown += [tag("h3", name), tag("div", *figures, class_="shown samples")]
    return shown


def _curves(reports: Mapping[str, Report]) -> Markup:
    """A plot for each term and figure that was logged, the runs in it in colours of their own."""
    colours = {label: COLOURS[at % len(COLOURS)] for at, label in enumerate(reports)}
    names = list(dict.fromkeys(name for report in reports.values() for name in report.curves))
    if not names:
        return tag("p", "nothing was logged", class_="none")
    key = [tag("span", tag("span", class_="swatch", style=f"background:{colour}"), label)
           for label, colour in colours.items() if label]  # fmt: skip
    plots = []
    for name, short in zip(names, _short(names), strict=True):
        held = {label: report.curves[name] for label, report in reports.items() if name in report.curves}
        plots.append(tag("figure", tag("figcaption", short), draw(held, colours), class_="plot"))
    said = tag("p", "over steps; of a loss each point is its mean since the point before", class_="note")
    return joined(tag("p", *key, class_="legend") if key else "", said, tag("div", *plots, class_="shown"))


def _short(names: Sequence[str]) -> list[str]:
    """Names without stage and update where there is one of them: `stage1/update1/nll` is `nll`."""
    terms = [name.split("/") for name in names if name.count("/") == 2]
    if len({(stage, update) for stage, update, _ in terms}) != 1:
        return list(names)
    return [name.rsplit("/", 1)[1] if name.count("/") == 2 else name for name in names]


def _facts(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    lines = [_row(tag("th", key), *(tag("td", value) for value in values)) for key, *values in rows]
    named = [_row(*(tag("th", word) for word in head))] if any(head) else []
    return tag("div", tag("table", *named, *lines, class_="facts"), class_="wide")


def _table(*rows: Markup) -> Markup:
    return tag("div", tag("table", *rows), class_="wide")


def _row(*cells: str) -> Markup:
    return tag("tr", *cells)


def _image(png: bytes, shown: str) -> Markup:
    return tag("img", src=f"data:image/png;base64,{base64.b64encode(png).decode()}", alt=shown)
