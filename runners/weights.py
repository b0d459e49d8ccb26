"""Weights from elsewhere: `weights: {run: PATH, block: NAME}` or `{file: PATH}` fills a block before training.

Of a run, the averaged weights where it has them. Of a file (safetensors), the tensors by the block's own names.
"""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from compose.diagnostics import Finding, Span, SpecError, finding
from compose.spec import BlockDeclaration, Spec
from runners.checkpoints import read_latest
from runners.folder import RunFolder
from runners.state import RunFailed

__all__ = ["fill_blocks"]


def fill_blocks(blocks: Mapping[str, nn.Module], spec: Spec) -> None:
    """Fill every block that the spec says has weights elsewhere.   Raises SpecError naming what does not fit."""
    findings = []
    for name, declared in spec.blocks.items():
        if declared.weights is not None and name in blocks:
            try:
                _fill(blocks[name], _tensors(name, declared))
            except (OSError, RunFailed, SafetensorError, KeyError, RuntimeError) as error:
                cause = str(error).strip().split("\n")[-1].strip()
                findings.append(weights_fail(spec.span("blocks", name, "weights"), name, cause))
    if findings:
        raise SpecError(findings, spec.sources)


def _tensors(name: str, declared: BlockDeclaration) -> dict[str, Tensor]:
    """The saved tensors of the block, by their names within it."""
    weights = declared.weights
    assert weights is not None
    if weights.file is not None:
        return load_file(Path(weights.file))
    folder = Path(weights.run or "")
    saved = read_latest(RunFolder(folder).checkpoints, lambda _: None)
    if saved is None:
        raise RunFailed(f"{folder} holds no checkpoint")
    prefix = f"{weights.block or name}."
    for part in ("averages", "blocks"):
        found = {
            key.removeprefix(prefix): value for key, value in saved.tensors[part].items() if key.startswith(prefix)
        }
        if found:
            return found
    known = sorted({key.split(".")[0] for key in saved.tensors["blocks"]})
    raise RunFailed(f"{folder} has no block `{weights.block or name}`; it has {', '.join(known)}")


def _fill(block: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    block.load_state_dict(dict(tensors))


@finding("R110", "error")
def weights_fail(span: Span, block: str, cause: str) -> Finding:
    """The weights that a block is to be filled with cannot be read, or are those of another block.

    Wrong: `weights: {run: runs/vae/seed-0, block: decodr}`.   Right: `weights: {run: runs/vae/seed-0, block: decoder}`.
    """
    return Finding(
        span=span,
        message=f"`{block}` cannot be filled: {cause}",
        help="name a run folder and one of its blocks, or a safetensors file of the same shapes",
    )
