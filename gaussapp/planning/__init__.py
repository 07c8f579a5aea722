"""How many points, which noise or which window gives a wanted precision: solved from the exact Cramér-Rao bound."""

from gaussapp.planning.design import BASELINES, QUANTITIES, VARIED, Design
from gaussapp.planning.plan import plan
from gaussapp.planning.result import Plan

__all__ = ["BASELINES", "QUANTITIES", "VARIED", "Design", "Plan", "plan"]
