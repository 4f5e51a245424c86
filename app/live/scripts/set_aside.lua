#!lua flags=allow-oom
-- Keeps an event that cannot be recorded; in a full Redis too, which would else never get room.
--
-- KEYS  1 aside hash
-- ARGV  1 field   2 log entry
-- Returns 1.

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
