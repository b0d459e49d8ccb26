"""Normalizing flows, a family a file; `model` is what they all are."""

from blocks.flows.model import Flow
from blocks.flows.realnvp import RealNVP

__all__ = ["Flow", "RealNVP"]
