"""A PlanExe server as a source of plans: ask for one, watch it grow, take its archive.

================  ==============================================================================
``source``        what the rest of the program needs of a server, and tells its two kinds apart
``worker``        the worker's HTTP interface: ``/runs``
``cloud``         the cloud's: tools behind ``POST /mcp/tools/call`` and an API key
``connection``    HTTP with bounds: time, size, requests a minute, and where it may lead
``errors``        what can go wrong, by what is to be done
================  ==============================================================================
"""
