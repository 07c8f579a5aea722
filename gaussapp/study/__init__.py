"""The experiment repeated: how far the errors of a fit can be trusted, by simulation and by the exact bound."""

from gaussapp.study.blocks import Block, blocks_of, merged, replicate_block, timed_block
from gaussapp.study.experiment import Experiment, experiment_of
from gaussapp.study.repeat import replicate
from gaussapp.study.result import Study

__all__ = [
    "Block",
    "Experiment",
    "Study",
    "blocks_of",
    "experiment_of",
    "merged",
    "replicate",
    "replicate_block",
    "timed_block",
]
