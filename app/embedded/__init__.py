"""The project's own PostgreSQL and Valkey, and the supervisor of all its processes.

Used by ``planexe-ax up``; with ``DATABASE_URL`` and ``REDIS_URL`` set, only the supervisor is.
"""
