"""Larry, the reference agent: real connectors to the world, each with a simulated twin."""
