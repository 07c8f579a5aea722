"""How sure a fit is: bound, intervals, bands, bootstrap, and errors of what is derived from the parameters."""
