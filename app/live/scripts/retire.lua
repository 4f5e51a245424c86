-- Forgets an ended execution whose record is complete.
--
-- KEYS  1 header  2 states  3 events  4 places  5 seen  6 timers  7 graph
-- ARGV  1 execution id   2 the version that was recorded   3 name of its timer
-- Returns  1 forgotten   0 there was none   -1 the version has moved on; its timer stays

local seq = redis.call('HGET', KEYS[1], 'seq')
if seq and seq ~= ARGV[2] then return -1 end
redis.call('ZREM', KEYS[6], ARGV[3])
if not seq then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('HDEL', KEYS[7], ARGV[1])
if redis.call('HLEN', KEYS[7]) <= 1 then redis.call('DEL', KEYS[7]) end
return 1
