"""Each smell is refused in the tree, and each nose is shown what it must smell and what it must not."""

import pytest

from tests.house import smells
from tests.house.sources import offences, refuse, snippet, sources

SMELLS = {  # smell: (snippets that have it, snippets that have not); a path may stand in a first line `# path`
    smells.a_drawer_for_everything: (
        ["# blocks/utils.py", "# compose/helpers/shapes.py", "# runners/run_manager.py"],
        ["# blocks/flows.py", "# runners/utilities_of_a_game.py"],
    ),
    smells.catches_everything: (
        [
            "try: f()\nexcept Exception: pass",
            "try: f()\nexcept: pass",
            "try: f()\nexcept (ValueError, Exception) as e: raise e",
            "try: f()\nexcept BaseException: pass",
        ],
        ["try: f()\nexcept ValueError: pass", "try: f()\nexcept BaseException:\n    undo()\n    raise"],
    ),
    smells.branches_on_a_kind: (
        [
            "def f():\n    if kind == 'flow': g()\n    else: h()",
            "def f():\n    if node.kind == 'a': g()\n    elif node.kind == 'b': h()",
            "def f():\n    if node.kind == 'a': return g()\n    if node.kind == 'b': return h()",
            "def f(): return 1 if a.kind == 'flow' else 2",
            "match node.kind:\n    case 'flow': f()",
        ],
        [
            "def f(): return TABLE[kind]",
            "def f(): return [n for n in nodes if n.kind == 'data']",
            "def f():\n    if one.kind == 'term' and bad(one): raise RunFailed(one)",
            "def f(): return 1 if array.dtype.kind == 'f' else 2",
            "def f(): return 1 if self.token.kind == 'number' else 2",
        ],
    ),
    smells.asks_what_it_has: (
        ["if hasattr(block, 'at'): f()", "hasattr(self.net, 'mean')"],
        ["hasattr(torch, 'compile')", "hasattr(signal, 'SIGTERM')"],
    ),
    smells.passes_keywords_through: (
        ["def f(**kwargs): ...", "def f(**options):\n    g(1, **options)"],
        [
            "def f(**options): return Node(options=options)",
            "def f(*a: P.args, **kwargs: P.kwargs): g(*a, **kwargs)",
            "def f(a, *, b=1): g(**a)",
        ],
    ),
    smells.reads_the_message: (
        [
            "try: f()\nexcept ValueError as e:\n    if 'shape' in str(e): g()",
            "try: f()\nexcept E as e: e.args[0] == 'x'",
        ],
        ["try: f()\nexcept ValueError as e:\n    if e.code == 'S1': g(str(e))"],
    ),
    smells.patches_another_module: (
        ["import torch\ntorch.nn.Linear.forward = f", "from a import B\nB.x = 1", "import a\nsetattr(a, 'x', 1)"],
        ["import torch\ntorch.backends.cudnn.benchmark = True", "self.x = 1", "from a import B\nb = B()\nb.x = 1"],
    ),
    smells.keeps_state_in_a_module: (["def f():\n    global count\n    count = 1"], ["COUNT = 1"]),
    smells.is_a_function_in_disguise: (
        ["class Adder:\n    def __init__(self, x): self._x = x\n    def add(self): ..."],
        [
            "class Net(nn.Module):\n    def forward(self): ...",
            "class Draws:\n    def __init__(self): self.count = 0\n    def draw(self): ...",
            "@dataclass\nclass Span:\n    def text(self): ...",
            "class Door:\n    def __enter__(self): ...\n    def __exit__(self): ...",
        ],
    ),
    smells.hides_its_annotations: (
        ["from __future__ import annotations\n@block('a.b')\nclass A: ..."],
        ["from __future__ import annotations\nclass A: ...", "@block('a.b')\nclass A: ..."],
    ),
    smells.waits_for_the_device: (
        ["x.sum().item()", "x.cpu()"],
        ["# runners/log.py\nx.sum().item()", "d.items()", "f(torch.tensor(2.0)).item()"],
    ),
    smells.speaks_in_a_block: (
        ["print(1)", "import logging", "from logging import getLogger"],
        ["# compose/cli.py\nprint(1)"],
    ),
    smells.draws_in_the_dark: (
        ["def f(x): return x + torch.randn(3)", "torch.manual_seed(0)", "# compose/a.py\ntorch.rand_like(x)"],
        [
            "torch.randn(3, generator=g)",
            "class A(nn.Module):\n    def __init__(self):\n        self.w = nn.Parameter(torch.randn(3))",
            "class A:\n    def __init__(self): self.order = shuffled(3)\ndef shuffled(n): return torch.randperm(n)",
            "# runners/loop.py\ntorch.randn(3)",
        ],
    ),
    smells.is_one_persons_path: (
        ["open('/home/me/data')", "x = '/data/x.npz'"],
        ["x = 'b c h w'", "x = 'specs/thesis/'", "x = '/dev/null'", "x = '/'", "x = '/clock/step'"],
    ),
}


GOOD = [(smell, text) for smell, (_, good) in SMELLS.items() for text in good]
BAD = [(smell, text) for smell, (bad, _) in SMELLS.items() for text in bad]


def named(value) -> str:
    return value if isinstance(value, str) else value.__name__


def file_of(text):
    first, _, rest = text.partition("\n")
    return snippet(rest, first.removeprefix("# ")) if first.startswith("# ") else snippet(text)


@pytest.mark.parametrize("smell", SMELLS, ids=named)
def test_the_tree_is_free_of(smell):
    refuse(offences(smell, sources()))


@pytest.mark.parametrize(("smell", "text"), BAD, ids=named)
def test_it_is_smelled_in(smell, text):
    assert offences(smell, [file_of(text)])


@pytest.mark.parametrize(("smell", "text"), GOOD, ids=named)
def test_it_is_not_smelled_in(smell, text):
    assert not offences(smell, [file_of(text)])


def test_every_smell_has_its_row():
    noses = {
        name
        for name, rule in vars(smells).items()
        if getattr(rule, "__annotations__", {}).get("return") is smells.Smell
    }
    assert noses == {smell.__name__ for smell in SMELLS}
