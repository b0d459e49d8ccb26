"""Why a mistake of which nothing is said does no harm: it is another name where names are given freely.

harmless(mutant) -> the reason, or "" if the mutant is another spec that the writer did not mean
"""

import re

from benchmarks.mutations.typos import Mutant

__all__ = ["harmless"]

SECTION = re.compile(r"^(\w+):", re.MULTILINE)
NAMED = re.compile(r"\s*(- )?name: ")
KERNEL = re.compile(r": chain\.posterior\(")  # at the end of a kernel, without its `~`
FREE = {
    "stages": "the name of a term: what is logged goes by another name",
    "samplers": "the name of a sampler, or of the last line of one: what is drawn goes by another name",
    "evaluate": "the name of a figure: it is shown by another name",
}


def harmless(mutant: Mutant) -> str:
    """The reason why a silent mutant means the same as what was written."""
    section = SECTION.findall(mutant.text[: mutant.start])[-1:]
    if NAMED.match(mutant.shown):
        return "the name of the spec or of a stage: the run's folder and its log go by another name"
    if mutant.key and section and section[0] in FREE:
        return FREE[section[0]]
    if mutant.key and section == ["models"]:
        return "the name of the last line of a model, which is observed whatever its name"
    if "record(" in mutant.shown:
        return "the name of a part of what a sampler shows"
    if "root:" in mutant.shown:
        return "a folder of data that is not there: told before a run begins (R140)"
    if KERNEL.search(mutant.shown):
        return "a kernel that gives its distribution: `reverse` draws from it"
    if mutant.shown.startswith("extends:"):
        return "another spelling of the same path"
    return ""
