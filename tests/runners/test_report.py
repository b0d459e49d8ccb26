"""The report: what its parts compute, against numbers that a person works out, and that nothing in a page is loose."""

import json
import math
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from compose.spec import parse_spec
from runners.evaluate import Refusal
from runners.launch import assemble, examine
from runners.metrics import Estimate
from runners.report import Figure, Net, Picture, Report, compared, comparing_page, figures_of, labels_of, page_of
from runners.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, curves_of, draw, thinned, ticks
from runners.report.figures import digest
from runners.report.markup import joined, tag

VOID = {"meta", "img"}
HOSTILE = '</pre></style><script src="http://evil.example/x.js">alert("1")</script>&amp;\u202e\x00'


class Page(HTMLParser):
    """A page taken apart: tags, attributes, text; refuses a tag that is not closed, or not where it was opened."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes += [(name, key, value) for key, value in attributes]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.text += data


def contained(page):
    """The page taken apart, if it stands alone: nothing that a browser would fetch, or run."""
    read = Page(page)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(read.tags)
    for name, key, value in read.attributes:
        assert not key.startswith("on"), (name, key)
        if key in {"src", "href", "srcset", "xlink:href", "action", "data"}:
            assert value.startswith("data:"), (name, key, value)
        assert "url(" not in value, (name, key, value)
    assert "url(" not in page.split("<style>")[1].split("</style>")[0]
    assert ("meta", "http-equiv", "Content-Security-Policy") in read.attributes
    return read


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\x7f")) + chunk(b"IEND", b"")


def figure(name, value, side="lower", **more):
    return Figure(name, f"{name}(default, x)", name, {}, side, **{"value": value, "error": 0.25, **more})


def report(folder, *figures, **more):
    return Report(folder, "one", figures, "digits/test", {"seed": "0"}, **more)


def test_a_page_holds_each_figure_and_nothing_of_elsewhere():
    net = Net("net", "encoder.mlp", "weights of features in runs/net", "0123456789ab")
    figures = [figure("fid", 13.1059, nets=(net,)), figure("nll", None, error=None, cause="they are not finite")]
    curves = {"stage1/update1/nll": [(10, 3.0), (20, 1.0)]}
    held = report("runs/a", *figures, pictures=[Picture("default", 20, png())], curves=curves, spec="a: b # <&>")
    read = contained(page_of(held))
    for said in ("fid", "13.1059 ± 0.25", "fid(default, x)", "0123456789ab", "they are not finite", "a: b # <&>"):
        assert said in read.text
    assert "default, step 20" in read.text
    assert read.tags.count("img") == 1
    assert read.tags.count("polyline") == 1


@pytest.mark.parametrize("make", [page_of, lambda one: comparing_page([one, replace(one, folder="runs/b")])])
def test_what_a_run_says_is_text_wherever_it_stands(make):
    net = Net(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    figures = [
        Figure(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: 1}, None, (net,), 1.0, 0.1),
        Figure(f"other{HOSTILE}", HOSTILE, HOSTILE, {}, None, cause=HOSTILE),
    ]
    held = Report(
        f"runs/{HOSTILE}", HOSTILE, figures, HOSTILE, {HOSTILE: HOSTILE}, [Picture(HOSTILE, 1, png())], png(),
        {HOSTILE: [(0, 1.0), (1, 2.0)]}, HOSTILE, {HOSTILE: HOSTILE},
    )  # fmt: skip
    page = make(held)
    read = contained(page)
    assert '<script src="http://evil.example/x.js">' in read.text
    assert "\u202e" not in page
    assert "\x00" not in page


def test_text_is_escaped_once():
    assert tag("td", "a < b & c", title='say "x"') == '<td title="say &quot;x&quot;">a &lt; b &amp; c</td>'
    assert joined(tag("b", "<"), "<") == "<b>&lt;</b>&lt;"
    assert tag("img", src="data:,") == '<img src="data:,">'


def test_a_run_without_figures_says_so():
    assert "nothing is measured" in contained(page_of(report("runs/a"))).text


BEST = {
    "lower": ("lower", [2.0, 1.0, 3.0], {1}),
    "higher": ("higher", [2.0, 1.0, 3.0], {2}),
    "two are the same": ("lower", [1.0, 1.0, 3.0], {0, 1}),
    "not finite": ("lower", [math.nan, 4.0, math.inf], {1}),
    "one without": ("higher", [2.0, None, 3.0], {2}),
    "alone": ("lower", [2.0, None, None], set()),
    "no side": (None, [2.0, 1.0, 3.0], set()),
}


@pytest.mark.parametrize(("side", "values", "best"), BEST.values(), ids=BEST.keys())
def test_the_best_is_on_the_better_side(side, values, best):
    (row,) = compared([report(f"runs/{at}", figure("f", value, side)) for at, value in enumerate(values)])
    assert row.best == best
    assert bool(row.note) == (side is None)


NETS = [(Net("net", "encoder.mlp", "", digits),) for digits in ("00", "11")]
APART = {
    "nets": ({"nets": NETS[0]}, {"nets": NETS[1]}, "the net"),
    "options": ({"options": {"neighbours": 5}}, {"options": {"neighbours": 3}}, "options"),
    "metric": ({"metric": "kid"}, {"metric": "mmd"}, "the metric"),
}


@pytest.mark.parametrize(("one", "other", "said"), APART.values(), ids=APART.keys())
def test_what_is_not_one_figure_has_no_best(one, other, said):
    held = [replace(figure("f", value), **facts) for value, facts in ((1.0, one), (2.0, other))]
    (row,) = compared([report("a", held[0]), report("b", held[1])])
    assert not row.best
    assert said in row.note
    assert compared([report("a", held[0]), report("b", replace(held[0], value=3.0))])[0].best == {0}


def test_other_data_are_another_figure_and_another_formula_is_not():
    a, b = report("a", figure("f", 1.0)), report("b", replace(figure("f", 2.0), formula="f(other, x)"))
    assert compared([a, b])[0].best == {0}
    assert "the data" in compared([a, replace(b, measured_on="moons/test")])[0].note


def test_a_figure_that_one_run_lacks_is_a_dash_in_its_column():
    reports = [report("runs/a", figure("fid", 2.0), figure("kid", 1.0)), report("runs/b", figure("fid", 3.0))]
    rows = {row.name: row for row in compared(reports)}
    assert rows["kid"].figures[1] is None
    read = contained(comparing_page(reports))
    assert "2 ± 0.25 ★" in read.text
    assert "–" in read.text
    assert ("td", "title", "the spec of this run has no such line") in read.attributes


def test_columns_are_named_by_what_differs():
    assert labels_of([report("runs/glf/seed-0"), report("runs/vae/seed-0")]) == ["glf/seed-0", "vae/seed-0"]
    assert labels_of([report("runs/glf"), report("runs/glf/seed-0")]) == ["glf", "glf/seed-0"]


@pytest.mark.parametrize(
    ("low", "high", "count", "found"),
    [(0, 10, 5, [0, 2, 4, 6, 8, 10]), (0, 9.9, 5, [0, 2, 4, 6, 8]), (-1, 1, 4, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low, high, count, found):
    assert ticks(low, high, count) == pytest.approx(found)


def places(svg):
    lines = [value for name, key, value in Page(svg).attributes if name == "polyline" and key == "points"]
    return [[tuple(map(float, place.split(","))) for place in line.split()] for line in lines]


def test_a_line_goes_from_corner_to_corner_within_its_air():
    inner, across = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - RIGHT
    (line,) = places(draw({"a": [(0, 0.0), (5, 5.0), (10, 10.0)]}, {"a": "red"}))
    air = 0.05 / 1.1  # of the frame: a twentieth of the range above and below
    expected = [
        (LEFT, TOP + (1 - air) * inner),
        (LEFT + across / 2, TOP + inner / 2),
        (LEFT + across, TOP + air * inner),
    ]
    assert line == [pytest.approx(place, abs=0.06) for place in expected]


def test_positive_values_that_span_much_lie_by_their_logarithms():
    (line,) = places(draw({"a": [(0, 1.0), (1, 10.0), (2, 100.0)]}, {"a": "red"}))
    heights = [height for _, height in line]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


def test_what_is_not_finite_is_a_gap():
    drawn = draw({"a": [(0, 1.0), (1, 2.0), (2, math.nan), (3, 3.0), (4, 1.0), (5, math.inf), (6, 2.0)]}, {"a": "red"})
    assert [len(line) for line in places(drawn)] == [2, 2]
    assert Page(drawn).tags.count("circle") == 1
    assert "no finite value" in draw({"a": [(0, math.nan), (1, math.inf)]}, {"a": "red"})
    assert places(draw({"a": [(0, 2.0), (1, 2.0)]}, {"a": "red"}))  # a constant


def test_thinning_keeps_the_extremes_and_the_order():
    curve = [(step, math.sin(step / 300)) for step in range(5000)]
    curve[1234], curve[4321] = (1234, 9.0), (4321, -9.0)
    kept = thinned(curve, 400)
    assert len(kept) <= 400
    assert {(1234, 9.0), (4321, -9.0)} <= set(kept)
    assert kept == sorted(kept)


def test_the_record_is_read_by_stage_update_and_term(tmp_path):
    lines = [
        {"run_step": 2, "stage": "one", "terms": {"u/nll": 3.0}, "lr": {"u/flow": 0.1}},
        {"run_step": 4, "stage": "one", "terms": {"u/nll": math.nan, "u/lone": 1.0}, "metrics": {"fid": 9.0}},
        {"run_step": 4, "stage": "one", "metrics": {"fid": 8.0}},
        {"run_step": 6, "stage": "two", "metrics": {"fid": 7.0}, "event": "kept"},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"run_step": 8, "terms": {"u/n')
    found = curves_of(path)
    assert list(found) == ["one/u/nll", "evaluate/fid"]
    assert found["one/u/nll"][0] == (2, 3.0)
    assert math.isnan(found["one/u/nll"][1][1])
    assert found["evaluate/fid"] == [(4, 8.0), (6, 7.0)]
    assert curves_of(tmp_path / "nothing.jsonl") == {}


def test_a_digest_is_of_the_values():
    net = nn.Linear(3, 2)
    copy = nn.Linear(3, 2)
    copy.load_state_dict(net.state_dict())
    assert digest(net) == digest(copy)
    with torch.no_grad():
        copy.bias[1] = torch.nextafter(copy.bias[1], torch.tensor(math.inf))
    assert digest(net) != digest(copy)


SPEC = """
compose: 1
name: measured
data: {source: toy.gaussians8, batch_size: 32, size: 200, test_size: 100}
blocks:
  flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}
  net: {kind: encoder.mlp, latent: 3, hidden: [8], trainable: false}
  judge: {kind: energy.mlp, hidden: [8]}
stages:
  - steps: 6
    minimize: {nll: -flow.log_prob(x), judged: judge(x)}
samplers: {default: ~flow}
evaluate:
  every: 3 steps
  keep: lowest nats
  nats: -flow.log_prob(x)
  raw: frechet(default, x)
  fid: frechet(net(~flow), net(x))
  told_apart: auroc(judge(x), judge(default))
"""


def test_the_net_of_features_is_a_part_of_a_figure_and_a_judged_block_is_not():
    composition, findings = examine(parse_spec(SPEC))
    assert not [found for found in findings if found.severity == "error"], findings
    executable = assemble(composition, 0)
    estimates = {"nats": Estimate(3.0, 0.1), "fid": Estimate(2.0)}
    found = {
        one.name: one for one in figures_of(executable, frozenset(), estimates, [Refusal("raw", "too few", False)])
    }
    assert {name: [net.name for net in one.nets] for name, one in found.items()} == {
        "nats": [], "raw": [], "fid": ["net"], "told_apart": [],
    }  # fmt: skip
    assert found["fid"].nets[0].digest == digest(executable.blocks["net"])
    assert {name: one.side for name, one in found.items()} == {
        "nats": "lower", "raw": "lower", "fid": "lower", "told_apart": None,
    }  # fmt: skip
    assert (found["raw"].value, found["raw"].cause) == (None, "too few")
    assert (found["nats"].value, found["nats"].error) == (3.0, 0.1)
    assert found["fid"].formula == "frechet(net(~flow), net(x))"
