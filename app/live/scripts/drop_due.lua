-- Drops a timer that guards nothing any more, unless it has been set anew.
--
-- KEYS  1 timers zset
-- ARGV  1 member   2 milliseconds: what is due at this time
-- Returns 1 where it was dropped, else 0.

local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) <= tonumber(ARGV[2]) then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
