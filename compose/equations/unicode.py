"""LaTeX as Unicode text:  \\|x - \\hat{x}\\|^2  is  ‖x − x̂‖².   It knows what `rules` writes, no more."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["GREEK", "to_unicode"]

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ",
    "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
SIGNS = {
    **GREEK, "|": "‖", "nabla": "∇", "int": "∫", "sum": "∑", "prod": "∏", "sim": "~", "propto": "∝", "mid": "|",
    "in": "∈", "cdot": "·", "infty": "∞", "times": "×", "ldots": "...", "leq": "≤", "geq": "≥", "log": "log",
    "exp": "exp", "min": "min", "max": "max", "sin": "sin", "cos": "cos", "tanh": "tanh", "lfloor": "⌊", "rfloor": "⌋",
    ",": " ", ";": " ", "quad": "  ", "_": "_", "{": "{", "}": "}", "%": "%",
}  # fmt: skip
PREFIXES = ("nabla", "int")
ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307"}
DOUBLE = {"E": "𝔼", "R": "ℝ"}
RAISED = dict(zip("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻", strict=True))
LOWERED = dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉", strict=True))
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}^_]|[^\\{}^_]", re.DOTALL)


def to_unicode(tex: str) -> str:
    """The text of an equation."""
    tokens = TOKEN.findall(tex)
    text = _run(tokens)
    text = re.sub(r"\s*\|\s*", "|", text) if r"\mid" in tex else text
    return unicodedata.normalize("NFC", re.sub(r" +", " ", text)).replace(" )", ")").strip()


def _run(tokens: list[str], until: str = "") -> str:
    """The text of the tokens up to `until`, which are used up."""
    parts: list[str] = []
    while tokens:
        token = tokens.pop(0)
        if token == until:
            break
        parts.append(_shown(token, tokens))
    return "".join(parts)


def _shown(token: str, tokens: list[str]) -> str:
    if token == "{":
        return _run(tokens, "}")
    if token == "^":
        return _script(_argument(tokens), RAISED, "^")
    if token == "_":
        return _script(re.sub(r" ([+−]) ", r"\1", _argument(tokens)), LOWERED, "_")
    if token.startswith("\\"):
        return _command(token[1:], tokens)
    return "−" if token == "-" else token


def _argument(tokens: list[str]) -> str:
    while tokens and tokens[0] == " ":
        tokens.pop(0)
    return _shown(tokens.pop(0), tokens)


def _script(text: str, known: dict[str, str], sign: str) -> str:
    if all(character in known for character in text):
        return "".join(known[character] for character in text)
    return f"{sign}{text}" if len(text.rstrip("\u0304")) == 1 or text.isidentifier() else f"{sign}{{{text}}}"


def _command(name: str, tokens: list[str]) -> str:
    if name in SIGNS:
        if name in PREFIXES and tokens and tokens[0] == " ":
            tokens.pop(0)  # the space that ends the command
        return SIGNS[name]
    if name == "mathrm":
        return _argument(tokens).replace("−", "-")
    if name in ("mathbb", "mathcal"):
        letter = _argument(tokens)
        return DOUBLE.get(letter, letter)
    if name in ACCENTS:
        return _argument(tokens) + ACCENTS[name]
    if name == "frac":
        return f"{_part(_argument(tokens))}/{_part(_argument(tokens))}"
    if name == "sqrt":
        return f"√{_part(_argument(tokens))}"
    return name


def _part(text: str) -> str:
    """A part of a fraction, in brackets if it is more than one factor."""
    return f"({text})" if re.search(r"[ +−/]", text) else text
