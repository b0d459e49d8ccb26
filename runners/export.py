"""Export: a trained system as a folder that runs without this package, on torch alone.

OUT/sample.py       draws: the samplers, their inputs
    programs/       the printed program of every sampler
    system.py       the blocks, their sizes and options
    weights.pt      their weights, averaged where they are
    parts/          the sources of the blocks and operators that these use
"""

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import blocks
from blocks.types import Field
from compose.compiler import Executable
from compose.diagnostics import SpecError
from compose.printer import namespace
from compose.program import CompiledSampler, Input
from runners.given import not_exportable
from runners.sampling import place_of
from runners.trained import Run

__all__ = ["export", "is_export"]

IMPORT = re.compile(r"^(\s*(?:from|import) )(?:blocks|runners)\b", re.MULTILINE)
ROOT = Path(inspect.getfile(blocks)).parent
STANDALONE = "standalone"
SYSTEM = '''"""The blocks of {name}, with the weights of step {step}."""

from pathlib import Path

import torch

{imports}
from parts.types import Classes, Levels  # noqa: F401

DTYPE = {dtype}
WEIGHTS = torch.load(Path(__file__).with_name("weights.pt"), weights_only=True)


def filled(block, name):
    """The block with its weights, which are constants."""
    block.load_state_dict(WEIGHTS[name])
    return block.to(DTYPE).requires_grad_(False).eval()


{made}
'''
SAMPLE = '''"""Draws from {name}:   python sample.py {first} --count 16 --seed 0 --out samples.pt

Step {step}, seed {seed}; the same seed draws what the run draws.
"""

from parts.standalone import Given, Sampler, command
{programs}
from system import DTYPE

SAMPLERS = {{
{samplers}
}}

if __name__ == "__main__":
    command(SAMPLERS, {seed}, {low}, {high}, DTYPE)
'''


def is_export(folder: Path) -> bool:
    """Whether an earlier export lies there, which a new one may replace."""
    return (folder / "sample.py").is_file() and (folder / "parts" / f"{STANDALONE}.py").is_file()


def export(run: Run, out: Path, fields: Mapping[str, Field]) -> Path:
    """Write the system of a run into `out`.   Raises SpecError for blocks that are not of the library."""
    executable: Any = run.executable
    samplers = {name: executable.sampler(name, run.averaged) for name in run.spec.samplers}
    seen = {name: module for one in samplers.values() for name, module in namespace(one.program.module).items()}
    sources = {name: executable.views.origin(name) for name in sorted(seen)}
    modules = {type(executable.blocks[block]).__module__ for block, _ in sources.values()}
    programs = {name: _program(one) for name, one in samplers.items()}
    modules |= {module for text in programs.values() for module in _imported(text)}
    _refuse_foreign(executable, {block for block, _ in sources.values()}, modules)
    (out / "programs").mkdir(parents=True, exist_ok=True)
    _write_parts(out / "parts", {"blocks.types", "blocks.noise", *modules})
    for name, text in programs.items():
        (out / "programs" / f"{name}.py").write_text(_rehomed(text), encoding="utf-8")
    weights = {name: _state(module) for name, module in seen.items()}
    torch.save(weights, out / "weights.pt")
    (out / "system.py").write_text(_system(run, executable, sources), encoding="utf-8")
    (out / "sample.py").write_text(_sample(run, executable, samplers, fields), encoding="utf-8")
    return out


def _state(module: nn.Module) -> dict[str, Any]:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _program(sampler: CompiledSampler) -> str:
    """The print, and where it finds its blocks."""
    names = sorted(namespace(sampler.program.module))
    lines = sampler.program.code.split("\n")
    notes = next((at for at, line in enumerate(lines) if not line.startswith("#")), 0)
    rest = lines[notes:]
    while rest and not rest[0]:
        rest.pop(0)
    apart = [] if rest[0].startswith("from ") else ["", ""]
    return "\n".join(
        [*lines[:notes], "", *([f"from system import {', '.join(names)}"] if names else []), *apart, *rest]
    )


def _imported(text: str) -> set[str]:
    """The modules of `blocks` that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module != "blocks" else {f"blocks.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] == "blocks"}


def _write_parts(folder: Path, wanted: Iterable[str]) -> None:
    """The sources of these modules and of all that they import, under another name."""
    waiting, done = [*wanted, *_imported((ROOT.parent / "runners" / f"{STANDALONE}.py").read_text("utf-8"))], set()
    while waiting:
        module = waiting.pop()
        if module in done:
            continue
        done.add(module)
        path = ROOT.joinpath(*module.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = path.read_text(encoding="utf-8")
        waiting += _imported(text)
        for parent in path.relative_to(ROOT).parents:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            (folder / parent / "__init__.py").touch()
        (folder / path.relative_to(ROOT)).write_text(_rehomed(text), encoding="utf-8")
    text = (ROOT.parent / "runners" / f"{STANDALONE}.py").read_text(encoding="utf-8")
    (folder / f"{STANDALONE}.py").write_text(_rehomed(text), encoding="utf-8")


def _rehomed(text: str) -> str:
    return IMPORT.sub(r"\1parts", text)


def _system(run: Run, executable: Executable, sources: Mapping[str, tuple[str, bool]]) -> str:
    classes = {type(executable.blocks[block]) for block, _ in sources.values()}
    imports = sorted(f"from parts.{made.__module__.removeprefix('blocks.')} import {made.__name__}" for made in classes)
    dtype, _ = place_of(executable.blocks)
    made = []
    for name, (block, _) in sources.items():
        declared, slot = executable.composition.blocks[block], executable.composition.sizes.slots[block]
        sizes = {"takes": tuple(slot.takes) if slot.takes else None, "makes": slot.makes}
        given = {**{key: sizes[key] for key in declared.inferred if sizes[key] is not None}, **declared.options}
        words = ", ".join(f"{key}={value!r}" for key, value in given.items())
        made.append(f'{name} = filled({type(executable.blocks[block]).__name__}({words}), "{name}")')
    return SYSTEM.format(
        name=run.spec.name, step=f"{run.state.run_step:,}", dtype=dtype, imports="\n".join(imports),
        made="\n".join(made),
    )  # fmt: skip


def _sample(
    run: Run, executable: Executable, samplers: Mapping[str, CompiledSampler], fields: Mapping[str, Field]
) -> str:
    like = next((field for field in fields.values() if field.low is not None and len(field.event) == 3), None)
    low, high = (like.low, like.high) if like else (0.0, 1.0)
    rows = [
        f'    "{name}": Sampler("{name}", {name}.sample_{name}, ['
        + "".join(f"\n        {_given(given)}," for given in one.program.inputs) + "\n    ]),"
        for name, one in samplers.items()
    ]  # fmt: skip
    programs = "\n".join(f"from programs import {name}" for name in samplers)
    return SAMPLE.format(
        name=run.spec.name, step=f"{run.state.run_step:,}", first=next(iter(samplers)), seed=run.seed,
        programs=programs, samplers="\n".join(rows), low=low, high=high,
    )  # fmt: skip


def _given(given: Input) -> str:
    if given.leaf is None:
        return f'Given("{given.kind}", "{given.name}", {given.default!r})'
    leaf = given.leaf
    return f'Given("noise", "{leaf.path}", None, "{leaf.law}", {tuple(leaf.event)!r}, {leaf.high}, {leaf.copies})'


def _refuse_foreign(executable: Executable, used: Iterable[str], modules: Iterable[str]) -> None:
    """Refuse blocks and operators that are not of the library, whose sources may need anything."""
    spec = executable.spec
    foreign = [name for name in sorted(used) if type(executable.blocks[name]).__module__.split(".")[0] != "blocks"]
    foreign = [name for name in foreign if name in spec.blocks]
    if foreign:
        raise SpecError([not_exportable(name, spec.blocks[name].kind) for name in foreign], spec.sources)
