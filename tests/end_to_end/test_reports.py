"""`compose eval` from the command line: the page of a run, and several runs beside each other."""

import errno
import json

import pytest

from compose.cli import main
from tests.runners.test_report import contained

SPEC = """
compose: 1
name: little
data: {source: toy.gaussians8, batch_size: 32, size: 200, test_size: 100}
blocks: {flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}}
stages:
  - steps: 6
    minimize: {nll: -flow.log_prob(x)}
samplers: {default: ~flow}
evaluate:
  nll: -flow.log_prob(x)
  share: share_within(default, data)
  distance: frechet(default, x)
run: {log_every: 2}
"""
SPECS = {
    "first": SPEC,
    "second": SPEC.replace("steps: 6", "steps: 9").replace("  distance: frechet(default, x)\n", ""),
    "unmeasured": SPEC[: SPEC.index("evaluate")] + "run: {log_every: 2}\n",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    for name, text in SPECS.items():
        (home / f"{name}.yaml").write_text(text)
        assert main(["run", str(home / f"{name}.yaml"), "--out", str(home / name), "--quiet"]) == 0
    return {name: home / name for name in SPECS}


def test_a_run_gets_its_page(runs, capsys):
    assert main(["eval", str(runs["first"])]) == 0
    shown = capsys.readouterr()
    path = runs["first"] / "report.html"
    assert f"report {path}" in shown.err
    page = path.read_text(encoding="utf-8")
    read = contained(page)
    kept = json.loads((runs["first"] / "evaluation.json").read_text())["metrics"]
    about = json.loads((runs["first"] / "run.json").read_text())
    assert list(kept) == ["nll", "share", "distance"]
    for name, one in kept.items():
        assert name in read.text
        assert f"{one['value']:.6g}" in read.text
        assert f"{one['value']:.6g}" in shown.out
    assert f"± {kept['nll']['error']:.2g}" in read.text
    for said in (about["spec_sha256"], about["versions"]["torch"], "100 rows", "default, step 6"):
        assert said in read.text
    assert (runs["first"] / "spec.yaml").read_text() in read.text
    assert read.tags.count("polyline") == 1  # of its one term
    assert main(["eval", str(runs["first"])]) == 0
    assert path.read_text(encoding="utf-8") == page  # it tells no time of day


def test_only_some_lines_leave_what_lies_in_the_run(runs, capsys):
    before = {path.name for path in runs["second"].iterdir()}
    assert main(["eval", str(runs["second"]), "--only", "nll"]) == 0
    assert {path.name for path in runs["second"].iterdir()} == before
    assert "share" not in capsys.readouterr().out


def test_several_runs_are_a_table_and_a_page(runs, capsys):
    assert main(["eval", *map(str, runs.values())]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["first", "second", "unmeasured"]
    nll, share, distance = lines
    kept = [json.loads((runs[name] / "evaluation.json").read_text())["metrics"] for name in ("first", "second")]
    for name, line in (("nll", nll), ("share", share)):
        assert line.split()[0] == name
        assert all(f"{one[name]['value']:.6g}" in line for one in kept)
    assert "nothing says which side" in nll
    values = [one["share"]["value"] for one in kept]
    marked = [cell.endswith("*") for cell in share.replace(" *", "*").split()[1:] if cell[0].isdigit()]
    assert marked == [value == max(values) for value in values]
    assert distance.split() == ["distance", f"{kept[0]['distance']['value']:.6g}", "-", "-"]
    read = contained((runs["first"].parent / "comparison.html").read_text(encoding="utf-8"))
    for said in ("3 runs compared", "unmeasured", "stages.0.steps: 6 -> 9", f"{kept[1]['nll']['value']:.6g}"):
        assert said in read.text


def test_several_runs_as_json_and_into_a_file(runs, tmp_path, capsys):
    out = tmp_path / "new" / "page.html"
    words = ["eval", str(runs["first"]), str(runs["second"]), "--only", "distance", "--json", "--report", str(out)]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert [list(one) for one in said.values()] == [["distance"], []]
    contained(out.read_text(encoding="utf-8"))


MISTAKES = {
    "nothing to measure": (["unmeasured"], [], "has no `evaluate`"),
    "a line that no run has": (["first", "second"], ["--only", "shar"], "did you mean `share`"),
    "no such split": (["first", "second"], ["--data", "tset"], "tset"),
    "a page that cannot be written": (["second"], ["--report", "FILE/page.html"], "--report"),
}


@pytest.mark.parametrize(("names", "words", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_way_out(names, words, said, runs, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in words]
    assert main(["eval", *(str(runs[name]) for name in names), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_run_that_may_only_be_read_is_measured(runs, capsys, monkeypatch):
    def refuse(path, data):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("runners.checkpoints.write_atomically", refuse)
    assert main(["eval", str(runs["first"])]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("nll ")
    assert "report.html cannot be written: Read-only file system" in shown.err


def test_the_page_goes_with_its_run(runs, capsys):
    assert main(["eval", str(runs["second"])]) == 0
    assert main(["runs", "--remove", str(runs["second"]), "--yes"]) == 0
    assert not runs["second"].exists()
