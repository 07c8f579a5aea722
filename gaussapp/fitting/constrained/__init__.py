"""Fits whose parameters are held, bounded or tied, and fits with another loss than least squares."""
