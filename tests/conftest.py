"""What all tests share: no deadline for Hypothesis, because the machines that run the tests are slow in bursts."""

from hypothesis import settings

settings.register_profile("gaussapp", deadline=None)
settings.load_profile("gaussapp")
