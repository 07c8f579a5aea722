"""The engine: from data to a fitted peak, its uncertainties and whether they can be trusted. NumPy and SciPy only."""

from gaussapp.fitting.comparison import Comparison, compare
from gaussapp.fitting.fit import fit
from gaussapp.fitting.peak import evaluate
from gaussapp.fitting.result import Fit
from gaussapp.fitting.stack.blocks import fit_blocks
from gaussapp.fitting.stack.fits import Fits
from gaussapp.fitting.stack.many import fit_many
from gaussapp.fitting.uncertainty.bound import bound
from gaussapp.fitting.verdicts.verdict import Estimate, Verdict

__all__ = [
    "Comparison",
    "Estimate",
    "Fit",
    "Fits",
    "Verdict",
    "bound",
    "compare",
    "evaluate",
    "fit",
    "fit_blocks",
    "fit_many",
]
