"""The Inception features that published FID, KID and Inception Scores are measured in   (Szegedy et al. 2016).

    x in [0, 1]    round(255 x), grey three times, to 299 x 299 as TensorFlow 1 does, (. - 128) / 128, then the net

The net is torch-fidelity's (Obukhov et al. 2020), which is optional; its weights are a file of the user's.
"""

import importlib
import importlib.util
import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from blocks.images import image_of
from blocks.registry import block
from blocks.types import Takes

__all__ = ["Inception"]

LIBRARY = "torch_fidelity"
LAYERS = {"pool": "2048", "logits": "logits_unbiased"}
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"  # as the releases of torch-fidelity call it


@block("features.inception")
class Inception(nn.Module):
    """The standard Inception net, to measure in and never trained: `fid: frechet(inception(default), inception(x))`.

    `file` is where its weights are (torch-fidelity's `.pth`, or the same tensors as `.safetensors`): nothing is ever
    downloaded. `layer`: "pool" gives the 2048 features of FID and KID, "logits" what `entropy_score` takes for an
    Inception Score. `range`: of the pixels, "unit" [0, 1] or "signed" [-1, 1]; what lies outside is cut. The pixels are
    rounded to bytes, as in the published figures, so no gradient passes.
    Shapes: x "b 1 h w" or "b 3 h w" -> "b 2048" or "b 1008".
    Raises ValueError for another shape, a file that is missing or holds something else, or without torch-fidelity.
    """

    role: ClassVar[str] = "features"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"

    def __init__(
        self,
        takes: Takes,
        *,
        file: str,
        layer: Literal["pool", "logits"] = "pool",
        range: Literal["unit", "signed"] = "unit",
    ) -> None:
        super().__init__()
        channels, _, _ = image_of("takes", takes[0] if takes else ())
        if channels not in (1, 3):
            raise ValueError(f"`features.inception` looks at pictures of 1 or 3 channels, not of {channels}")
        if not Path(file).is_file():
            raise ValueError(
                f"`file: {file}` is not there: write where `{WEIGHTS}` of torch-fidelity's releases is on this disk "
                "(nothing is downloaded)"
            )
        if importlib.util.find_spec(LIBRARY) is None:
            raise ValueError(
                "it needs the library `torch-fidelity`, which is not installed: run `pip install torch-fidelity`"
            )
        self.signed = range == "signed"
        self.net = _empty_net(LAYERS[layer])
        try:
            nn.Module.load_state_dict(self.net, _tensors(Path(file)))
        except (OSError, RuntimeError, SafetensorError, TypeError, UnpicklingError) as error:
            cause = str(error).strip().split("\n")[0]
            raise ValueError(
                f"`file: {file}` does not hold the weights of torch-fidelity's Inception: {cause}"
            ) from error
        self.net.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Inception":
        """Nothing: it is never trained."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:  # b c h w -> b n
        """The features, of the pixels as bytes."""
        unit = (x + 1) / 2 if self.signed else x
        pixels = (unit * 255).round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)
        return self.net(pixels)[0].to(x.dtype)


def _empty_net(layer: str) -> nn.Module:
    """torch-fidelity's net before any weights: its constructor, which would download them, is handed none."""
    try:
        library: Any = importlib.import_module(f"{LIBRARY}.feature_extractor_inceptionv3")
    except (ImportError, RuntimeError) as problem:  # the latter by a torchvision of another build of PyTorch
        raise ValueError(
            f"`features.inception` builds its net with `{LIBRARY}`, which cannot be imported: {problem}"
        ) from None

    class Net(library.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_given: Any, **_options: Any) -> None:  # noqa: ANN401
            """Nothing yet."""

    none = io.BytesIO()
    torch.save({}, none)
    none.seek(0)
    return Net("inception", [layer], feature_extractor_weights_path=none)


def _tensors(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)
