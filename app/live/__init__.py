"""What runs, in Redis: live executions, work streams, the event log, timers and wake-ups.

Every change of an execution is one Lua script, ``scripts/commit.lua``: all or nothing, in one
round trip. Only this package speaks to Redis, and only ``keys`` spells a key.
"""
