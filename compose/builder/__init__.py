"""Python's door to a spec: it reads like the file, and says the same.

from compose.builder import c

draft = c.Draft("glf")
draft.data = c.Data("digits", batch_size=256)
encoder = draft.blocks.encoder = c.Block("encoder.infogan", latent=20)
decoder = draft.blocks.decoder = c.Block("decoder.infogan")
prior = draft.blocks.prior = c.Block("flow.realnvp", couplings=4, hidden=[64, 64])

@draft.models
def glf(it):
    it.z = ~prior
    it.x = decoder(it.z)

z = draft.graph.z = encoder(c.x)
x_hat = draft.graph.x_hat = decoder(z)
draft.stages.append(c.Stage(epochs=100, minimize={
    "reconstruction": c.squared_error(x_hat, c.x),
    "prior_nll": -prior.log_prob(c.sg(z)),
}))
draft.samplers.default = ~glf
run = compose.run(draft)

What is capitalised is a part of a spec; every other attribute of `c` is a word of the language: an operator, a form, a
field of the data, a line. `c._` is the hole. `compose.builder.to_python(spec)` is the program that builds a spec.
"""

from compose.builder.drafts import Definitions, Draft, Section
from compose.builder.parts import Block, Data, Optimizer, Stage, Term, Update
from compose.builder.printing import to_python
from compose.builder.values import Value
from compose.builder.words import Words, c

__all__ = [
    "Block", "Data", "Definitions", "Draft", "Optimizer", "Section", "Stage", "Term", "Update", "Value", "Words", "c",
    "to_python",
]  # fmt: skip
