"""Pictures: what they show of a composition, and that nothing of it covers anything else."""

import re
import xml.etree.ElementTree as ET

import pytest

from compose.cli import main
from compose.picture import draw, draw_for_terminal
from compose.picture.faults import with_faults
from compose.picture.layout import arrange
from compose.picture.panels import panels, sampler_panels
from compose.picture.scene import Curve, Rectangle, scene_of
from compose.spec import load_spec, parse_spec
from runners.launch import examine
from tests.house.sources import ROOT

DRAWN = (
    "tutorial/glf_digits", "thesis/vaebm_gaussians25", "thesis/ddgan_gaussians25", "thesis/short_run_generator_loss",
    "thesis/ode_flow_swiss_roll", "zoo/wgan_gp_gaussians25",
)  # fmt: skip
BROKEN = """
compose: 1
name: broken
data: {source: digits, batch_size: 128}
blocks:
  encoder: {kind: encoder.infogan, latent: 12}
  decoder: {kind: decoder.infogan}
graph:
  z: ENCODED
  w: decoder(z)
  x_hat: decoder(z)
stages:
  - steps: 10
    train: [encoder, decoder]
    minimize: {reconstruction: "squared_error(x_hat, COMPARED)"}
"""


@pytest.fixture(scope="module")
def compositions():
    return {name: examine(load_spec(ROOT / "specs" / f"{name}.yaml"))[0] for name in DRAWN}


@pytest.fixture(params=DRAWN)
def composition(request, compositions):
    return compositions[request.param]


def broken(encoded, compared):
    return examine(parse_spec(BROKEN.replace("ENCODED", encoded).replace("COMPARED", compared), "broken.yaml"))


def test_every_update_has_a_panel_with_all_its_terms_and_trained_blocks(composition):
    updates = [update for stage in composition.stages for update in stage.updates]
    for panel, update in zip(panels(composition), updates, strict=True):
        boxes = panel.boxes.values()
        assert {box.name for box in boxes if box.look == "term"} == set(update.terms)
        assert {box.name for box in boxes if box.look == "block" and box.state == "trained"} == set(update.trains)


def test_every_sampler_has_a_panel_in_which_nothing_is_trained(composition):
    made = sampler_panels(composition)
    assert [panel.title for panel in made] == [f"sampler {name}" for name in composition.samplers]
    assert not any(box.state == "trained" for panel in made for box in panel.boxes.values())
    for panel, sampler in zip(made, composition.samplers.values(), strict=True):
        assert not sampler.lone or sampler.name in {box.name for box in panel.boxes.values()}
    for text in (draw_for_terminal(composition), draw(composition, "svg").decode()):
        assert all(panel.title in text for panel in made)


def test_boxes_do_not_touch_and_lines_pass_beside_them(composition):
    scene = scene_of([*panels(composition), *sampler_panels(composition)], "all")
    boxes = [shape for shape in scene.shapes if isinstance(shape, Rectangle) and "loop" not in shape.style]
    for at, box in enumerate(boxes):
        assert not any(_overlap(box, other) for other in boxes[at + 1 :])
    for curve in (shape for shape in scene.shapes if isinstance(shape, Curve)):
        inside = {box for point in _points(curve) for box in boxes if _holds(box, point)}
        assert not inside, curve


def _overlap(a, b):
    return all(
        a.corner[axis] < b.corner[axis] + b.size[axis] and b.corner[axis] < a.corner[axis] + a.size[axis]
        for axis in (0, 1)
    )


def _holds(box, point):
    return all(box.corner[axis] + 0.5 < point[axis] < box.corner[axis] + box.size[axis] - 0.5 for axis in (0, 1))


def _points(curve):
    for at in range(0, len(curve.points) - 1, 3):
        a, b, c, d = curve.points[at : at + 4]
        for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            yield tuple(sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))


def test_stopped_gradients_are_red_with_a_bar_and_frozen_calls_blue_and_dashed(compositions):
    [panel] = panels(compositions["thesis/short_run_generator_loss"])
    looks = {line.look: (panel.boxes[line.source].name, panel.boxes[line.target]) for line in panel.lines}
    assert looks["stopped"][0] == "gen"
    assert looks["stopped"][1].text == "energy(sg(gen))"
    assert (looks["frozen"][0], looks["frozen"][1].name) == ("energy", "generator")
    drawn = draw(compositions["thesis/short_run_generator_loss"], "svg").decode()
    assert "stroke:#d1242f" in drawn
    assert re.search(r"stroke:#0969da;[^}]*stroke-dasharray", drawn)


def test_a_loop_holds_its_body_and_says_its_steps(compositions):
    energy = panels(compositions["thesis/vaebm_gaussians25"])[1]
    [loop] = [box for box in energy.boxes.values() if box.inside is not None]
    values = compositions["thesis/vaebm_gaussians25"].spec.values
    assert loop.text == f"Langevin dynamics, {values['chain']} steps of {values['eta']}"
    assert f"energy({values['focus']} * decoder(…).at(x))" in {box.text for box in loop.inside.boxes.values()}
    assert loop.state == "", "its energy is a constant there"
    [descent] = [b for b in panels(compositions["thesis/short_run_generator_loss"])[0].boxes.values() if b.inside]
    assert descent.state == "trained", "the gradient of the generator's loss comes through"


def test_lines_go_by_their_own_names(compositions):
    first = panels(compositions["thesis/ddgan_gaussians25"])[0]
    assert {"x", "t", "x_prev", "x_t", "x0", "fake", "r1"} <= {box.name for box in first.boxes.values()}


HEADS = {"svg": b"<svg ", "png": b"\x89PNG", "pdf": b"%PDF", "mermaid": b"---\ntitle", "terminal": b"short_run"}


@pytest.mark.parametrize("form", HEADS)
def test_every_form_is_written(form, compositions):
    assert draw(compositions["thesis/short_run_generator_loss"], form).startswith(HEADS[form])


def test_svg_is_well_formed_and_needs_nothing_else(composition):
    text = draw(composition, "svg").decode()
    ET.fromstring(text)
    assert "href" not in text
    assert "prefers-color-scheme: dark" in text


def test_mermaid_links_only_declared_boxes(composition):
    chart = draw(composition, "mermaid").decode()
    declared = set(re.findall(r"^ *(?:subgraph )?(p\w+)[\[(]", chart, re.MULTILINE))
    linked = re.findall(r"^ *(p\w+) (?:-->|--x|-\.->|-\.-|==>) (p\w+)$", chart, re.MULTILINE)
    assert linked
    assert {end for pair in linked for end in pair} <= declared


def test_ascii_is_ascii_and_boxes_are_closed(composition):
    text = draw_for_terminal(composition, ascii=True)
    assert text.isascii()
    assert "[0m" not in text
    assert "[0m" in draw_for_terminal(composition, color=True)


def test_layers_follow_the_links_and_a_circle_is_turned_once():
    made = arrange(dict.fromkeys("abc", (10.0, 10.0)), [("a", "b"), ("b", "c"), ("c", "a")], "kkk", apart=(5.0, 5.0))
    assert [made.layer_of[name] for name in "abc"] == [0, 1, 2]
    assert made.turned == {2}
    assert made.routes[2][0][0] > made.routes[2][-1][0], "it goes back"


def test_crossings_are_taken_away():
    links = [("a", "d"), ("b", "c")]
    made = arrange(dict.fromkeys("abcd", (10.0, 10.0)), links, "kk", apart=(5.0, 5.0))
    across = {name: centre[1] for name, centre in made.centres.items()}
    assert (across["a"] < across["b"]) == (across["d"] < across["c"])


def test_a_circle_is_drawn_as_the_circle_it_is():
    [panel] = with_faults(*broken("encoder(w)", "x"))
    circle = {(line.source, line.target) for line in panel.lines if line.look == "fault"}
    assert circle == {("z", "w"), ("w", "z")}
    assert panel.boxes["z"].fault == "D101"


def test_a_line_that_uses_itself_is_drawn():
    composition, findings = broken("encoder(z)", "x")
    assert b"D101" in draw(composition, "svg", findings)


def test_an_unknown_name_is_a_box_of_its_own():
    [panel] = with_faults(*broken("encoder(x)", "y_hat"))
    assert panel.boxes["y_hat"].look == "unknown"
    assert panel.boxes["x_hat"].text == "decoder(z)"


def test_a_wrong_shape_stands_at_its_term():
    [panel] = with_faults(*broken("encoder(x)", "z"))
    assert {box.name: box.fault for box in panel.boxes.values() if box.fault} == {"reconstruction": "S102"}


def test_a_spec_with_errors_is_drawn_and_the_status_is_2(tmp_path, capsys):
    (tmp_path / "spec.yaml").write_text(BROKEN.replace("ENCODED", "encoder(w)").replace("COMPARED", "x"))
    out = tmp_path / "spec.svg"
    assert main(["show", str(tmp_path / "spec.yaml"), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert "error[D101]" in said.err
    assert said.out.strip() == str(out)
    assert "D101" in out.read_text()


def test_the_form_follows_the_ending_unless_it_is_named(tmp_path, capsys):
    spec = str(ROOT / "specs" / "tutorial" / "glf_digits.yaml")
    assert main(["show", spec, "--out", str(tmp_path / "a.mmd")]) == 0
    assert "flowchart" in (tmp_path / "a.mmd").read_text()
    capsys.readouterr()
    assert main(["show", spec, "--format", "terminal", "--ascii"]) == 0
    drawn = capsys.readouterr().out
    assert drawn.isascii()
    assert "squared_error(x_hat, x)" in drawn
