"""Chaos: breaks a running system on purpose, and proves that nothing acknowledged was lost.

=============  ================================================================================
``site``       the system under test, as ``planexe-ax up`` runs it, with all its processes
``load``       agents and a user that never give up a request, and note what was acknowledged
``faults``     what is done to the site: kills, freezes, stops, a full pool, a slow disk, clocks
``schedule``   which fault comes when, by a seed
``proof``      after all: each acknowledged event once, chains whole, nothing left behind
``table``      what is printed
``shifted``    starts a process whose clock is wrong
=============  ================================================================================
"""
