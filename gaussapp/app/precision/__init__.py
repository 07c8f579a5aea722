"""The Precision tab: the experiment of the sliders, repeated."""
