"""What may take its time: decomposition, persistence, sweeps. Carried out by Dramatiq.

``clock`` says when, ``main`` holds the actors, ``desk`` keeps what went wrong.
"""
