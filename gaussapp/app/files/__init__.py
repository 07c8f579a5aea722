"""The Files tab: one fit a file, and the trend over all of them."""
