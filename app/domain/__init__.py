"""The rules: plans, graphs, events, and what an execution may do. Pure: no clock, no network."""
