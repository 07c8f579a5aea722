"""Can a fit be trusted: the findings, and the chances that they rest on."""
