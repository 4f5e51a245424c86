-- Lets one call to the model begin, or tells how long to wait before asking again.
--
-- KEYS  1 calls zset   2 starts zset   3 pause
-- ARGV  1 name of the call   2 most at once   3 most in a minute, 0 for any number
--       4 milliseconds after which the call counts no more
-- Returns 0 where it may begin; else the milliseconds to wait.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local paused = redis.call('PTTL', KEYS[3])
if paused > 0 then return paused end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 60000)
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if tonumber(ARGV[3]) > 0 and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
  return math.max(1, tonumber(first[2]) + 60000 - now)
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 100 end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], 60000)
return 0
