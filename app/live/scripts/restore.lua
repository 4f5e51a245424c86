-- Brings an ended execution back from the record.
--
-- KEYS  1 header   2 states   3 graph   4 timers zset
-- ARGV  1 version   2 header, JSON   3 packed graph   4 execution id
--       5 timer that puts it away again   6 its milliseconds   7… field, JSON, … of states
-- Returns  1 restored   0 it is live

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'header', ARGV[2])
for i = 7, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('HSETNX', KEYS[3], 'packed', ARGV[3])
redis.call('HSET', KEYS[3], ARGV[4], 1)
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[5])
return 1
