"""Many data sets at once: one peak each, vectorised over the rows of a stack."""
