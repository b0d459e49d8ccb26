"""What a run leaves, to compare one that was stopped with one that was not."""

import json

from runners.checkpoints import checkpoint_paths, read_checkpoint

EVERY_STEP = "run: {log_every: 1, checkpoint_every: 1}\n"


def remains(folder):
    """All that a finished run leaves, but for times: its last checkpoint, its record, its pictures, no strays."""
    newest = checkpoint_paths(folder / "checkpoints")[-1]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "numbers": dict(read_checkpoint(newest).numbers),
        "tensors": {path.name: path.read_bytes() for path in newest.glob("*.safetensors")},
        "record": [{name: value for name, value in line.items() if name != "rate"} for line in lines],
        "pictures": {path.name: path.read_bytes() for path in (folder / "samples").iterdir()},
        "status": json.loads((folder / "run.json").read_text())["status"],
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
        "strays": [path.name for path in folder.rglob(".*")],
    }


def assert_same_remains(folder, whole):
    """One folder is bitwise what the other is."""
    found, expected = remains(folder), remains(whole)
    for name, value in expected.items():
        assert found[name] == value, (folder.name, name)
