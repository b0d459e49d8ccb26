"""The table that hostile specs are made of: values that mean harm, each put into places of a harmless spec."""

HARMLESS = """compose: 1
name: harmless
params: {width: 8}
data: {source: toy.moons, batch_size: 8}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [width], output: normal}
  decoder: {kind: decoder.mlp, hidden: [8], output: normal}
  energy: {kind: energy.mlp, hidden: [8]}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  neg: ~langevin(vaebm, steps=3, step_size=0.01)
stages:
  - name: vae
    steps: 5
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
    ema: {decoder: 0.9}
  - name: energy
    steps: 5
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
    optimizer: {kind: adam, lr: 1e-3}
samplers:
  default: ~langevin(vaebm, steps=4, step_size=0.01)
evaluate:
  mmd: mmd(default, x)
"""

PLACES = {  # what stands there in the harmless spec
    "version": "compose: 1",
    "name": "name: harmless",
    "param": "width: 8}",
    "source": "source: toy.moons,",
    "batch": "batch_size: 8}",
    "kind": "kind: encoder.mlp,",
    "option": "latent: 2,",
    "item": "hidden: [8],",
    "line": "z: ~normal\n",
    "model": "vaebm: tilt(vae, energy)\n",
    "node": "q: encoder(x)\n",
    "argument": "steps=3",
    "steps": "steps: 5\n    minimize",
    "term": "contrast: energy(x) - energy(neg)\n",
    "train": "train: [energy]",
    "ema": "decoder: 0.9",
    "rate": "lr: 1e-3",
    "sampler": "default: ~langevin(vaebm, steps=4, step_size=0.01)\n",
    "metric": "mmd: mmd(default, x)\n",
}

VALUES = {
    "object": '!!python/object/apply:os.system ["echo harm"]',
    "python_name": "!!python/name:os.system",
    "import": "__import__('os').system('echo harm')",
    "import_quoted": "\"__import__('os').system('echo harm')\"",
    "dunder": "x.__class__.__mro__",
    "dunder_call": "energy.__init__.__globals__",
    "lambda": "lambda: 0",
    "format": "'{0.__class__}'",
    "template": "'${HOME}{{7*7}}%(x)s'",
    "shell": "'; touch harm #'",
    "path": "../../../../etc/passwd",
    "device": "/dev/zero",
    "address": "'http://127.0.0.1:9/x'",
    "digits": "9" * 5000,
    "float_digits": "0." + "1" * 5000,
    "exponent": "1e999999999",
    "huge": "1000000000000000000",
    "power": "9 ** 9 ** 9 ** 9",
    "powers": "2 ** (2 ** (2 ** 2000))",
    "negative": "-1",
    "zero": "0",
    "division": "1 / 0",
    "nan": ".nan",
    "infinity": "-.inf",
    "null": "null",
    "truth": "yes",
    "date": "2001-12-14t21:59:43.10-05:00",
    "sexagesimal": "190:20:30",
    "underscored": "1_000",
    "itself": "&a [*a]",
    "anchor": "&a x",
    "mapping": "{a: {b: {c: 1}}}",
    "list": "[1, [2, [3]]]",
    "bidirectional": "x \u202e+ y",
    "look_alike": "\u0435nergy(x)",  # a Cyrillic e
    "zero_width": "ener\u200bgy(x)",
    "astral": "\U0001f600",
    "long": "a" * 100_000,
    "brackets": "'" + "(" * 20_000 + "'",
    "calls": "'" + "energy(" * 5000 + "x" + ")" * 5000 + "'",
    "minuses": "'" + "-" * 20_000 + "x'",
    "sum": "'" + "+".join(["x"] * 5000) + "'",
    "attributes": "'x" + ".a" * 20_000 + "'",
    "draws": "'" + "~" * 1000 + "x'",
    "arguments": "'energy(" + "x, " * 20_000 + "x)'",
    "holes": "'" + "_ + " * 60 + "_'",
}


def put(place: str, value: str) -> str:
    """The harmless spec with a value in one place."""
    written = PLACES[place]
    key, separator, _ = written.partition("=" if "=" in written else ":")
    ending = next((each for each in ("\n    minimize", "}", ",", "\n") if written.endswith(each)), "")
    opening, closing = ("[", "]") if "[" in written else ("", "")
    blank = "" if separator == "=" else " "
    made = f"{key}{separator}{blank}{opening}{value}{closing}{ending}"
    assert HARMLESS.count(written) >= 1
    return HARMLESS.replace(written, made, 1)


def corpus() -> dict[str, str]:
    """Specs by name: every value in three places, and in others than the value before it."""
    places = list(PLACES)
    return {
        f"{value}-{place}": put(place, text)
        for number, (value, text) in enumerate(VALUES.items())
        for place in (places[(number * 7 + step * 5) % len(places)] for step in range(3))
    }
