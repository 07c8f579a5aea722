"""The Map tab: the repeated experiment over a grid of settings."""
