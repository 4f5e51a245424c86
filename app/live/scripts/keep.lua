-- Lets a call to the model count for longer.
--
-- KEYS  1 calls zset
-- ARGV  1 name of the call   2 milliseconds after which it counts no more
-- Returns 1 where it still had its place, else 0.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
