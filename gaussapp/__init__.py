"""From a noisy Gaussian peak to a number you can trust, at the speed of a slider.

Public names are resolved when they are first used (PEP 562), so that ``import gaussapp`` costs nothing and the
engine can be used without a page.
"""

from importlib import import_module

_HOME = {
    "Data": "gaussapp.data",
    "Sample": "gaussapp.data",
    "Table": "gaussapp.data",
    "parse_table": "gaussapp.data",
    "read_table": "gaussapp.data",
    "sample": "gaussapp.data",
    "samples": "gaussapp.data",
    "Comparison": "gaussapp.fitting",
    "Fit": "gaussapp.fitting",
    "Fits": "gaussapp.fitting",
    "Verdict": "gaussapp.fitting",
    "bound": "gaussapp.fitting",
    "compare": "gaussapp.fitting",
    "fit": "gaussapp.fitting",
    "fit_blocks": "gaussapp.fitting",
    "fit_files": "gaussapp.batch",
    "fit_many": "gaussapp.fitting",
    "Certificate": "gaussapp.certificate",
    "certify": "gaussapp.certificate",
    "GaussianModel": "gaussapp.model",
    "Plan": "gaussapp.planning",
    "plan": "gaussapp.planning",
    "Study": "gaussapp.study",
    "replicate": "gaussapp.study",
    "Sweep": "gaussapp.grid",
    "sweep": "gaussapp.grid",
    "GaussApp": "gaussapp.app",
}

__all__ = [*_HOME, "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the module that defines a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'gaussapp' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted([*globals(), *_HOME])
