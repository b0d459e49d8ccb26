"""The equations of a composition, in the notation of papers: of its models, of every term, of its samplers.

    paper = equations_of(composition)
    kl = paper.updates["stage1"]["update1"].terms["kl"]
    to_unicode(kl)                                      "KL(q_φ(z|x) ‖ N(0, I))"

An equation is LaTeX that matplotlib's mathtext and KaTeX read. `rules` holds the notation, a row for each operator.
"""

from compose.equations.paper import Equations, Paper, equations_of
from compose.equations.texts import latex_of, noise_space
from compose.equations.unicode import to_unicode

__all__ = ["Equations", "Paper", "equations_of", "latex_of", "noise_space", "to_unicode"]
