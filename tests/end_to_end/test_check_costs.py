"""What a check may cost: modules that it does not need stay away, and a large model is never allocated."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.check import LARGE

ROOT = Path(__file__).resolve().parents[2]
NEEDLESS = ("matplotlib", "sklearn", "scipy", "torchdiffeq", "lightning_fabric", "tensorboard", "PIL", "safetensors")
ONLY_LARGE = ("torch._dynamo", "sympy")  # more than a second to import: fake tensors need them
SCRIPT = f"""
import json, resource, sys
import torch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from compose.cli import main
*small, large = sys.argv[1:]
status = main(["check", *small])
dear = [name for name in {ONLY_LARGE} if name in sys.modules]
status += main(["check", large])
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([status, dear + [name for name in {NEEDLESS} if name in sys.modules], grown / 1024]))
"""


def test_a_check_imports_and_allocates_only_what_it_needs(tmp_path):
    (tmp_path / "large.yaml").write_text(LARGE)  # a hundred million parameters, 400 megabytes
    specs = [ROOT / "specs/tutorial/glf_digits.yaml", ROOT / "specs/thesis/ddgan_gaussians25.yaml", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, *map(str, specs)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    status, needless, megabytes = json.loads(done.stdout)
    assert status == 0, done.stderr
    assert needless == []
    assert megabytes < 300


def test_a_run_tells_what_is_wrong_before_it_imports_the_loop(tmp_path):
    (tmp_path / "wrong.yaml").write_text(LARGE.replace("[10000, 10000]", "[8]").replace("encoder(x)", "encodr(x)"))
    script = (
        "import sys; from compose.cli import main; status = main(['run', 'wrong.yaml'])\n"
        "print(status, [name for name in ('runners.loop', 'lightning_fabric', 'tensorboard') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []", done.stdout + done.stderr
