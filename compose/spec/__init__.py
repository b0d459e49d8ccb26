"""Specs: the file as typed records.   `load_spec(path)` reads one, with all its mistakes told at once.

Spec                 the records, frozen; expressions are parsed, numbers are numbers, places are kept
spec.span(*path)     where a part stands; every record has a `span` of its own, relative to itself
dump_yaml, hash      one canonical text, one hash, whether the spec came from YAML, JSON or Python
edit(text, path, v)  the text with one value changed, and every comment kept
"""

from compose.spec.editing import edit
from compose.spec.loading import load_spec, parse_spec, spec_from_data
from compose.spec.measuring import Evaluation
from compose.spec.numbers import evaluate_constant, resolve_params
from compose.spec.parts import BlockDeclaration, DataSource, Function, Program, RunOptions, Weights
from compose.spec.records import Place, Record
from compose.spec.root import Definition, Spec
from compose.spec.stages import Fit, Gradients, Optimizer, OptimizerOverride, Stage, Term, Update
from compose.spec.writing import dump_json, dump_yaml

__all__ = [
    "BlockDeclaration",
    "DataSource",
    "Definition",
    "Evaluation",
    "Fit",
    "Function",
    "Gradients",
    "Optimizer",
    "OptimizerOverride",
    "Place",
    "Program",
    "Record",
    "RunOptions",
    "Spec",
    "Stage",
    "Term",
    "Update",
    "Weights",
    "dump_json",
    "dump_yaml",
    "edit",
    "evaluate_constant",
    "load_spec",
    "parse_spec",
    "resolve_params",
    "spec_from_data",
]
