"""The Plan tab: what it takes to reach a wanted precision."""
