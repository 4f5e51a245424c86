-- Removes what is left of an execution that is not held any more.
--
-- KEYS  1 header  2 states  3 events  4 places  5 seen  6 timers zset
-- ARGV  1 execution id
--       2 msgpack map: entries, leases, untimed, closed, left and graphs as in rebuild.lua
-- Returns  1 removed   -1 it is there: nothing was changed

local strays = cmsgpack.unpack(ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
for _, stray in ipairs(strays.entries) do
  redis.call('XDEL', stray[1], stray[2])
  if redis.call('XLEN', stray[1]) == 0 then redis.call('DEL', stray[1]) end
end
for _, stray in ipairs(strays.leases) do redis.call('HDEL', stray[1], stray[2]) end
for _, member in ipairs(strays.untimed) do redis.call('ZREM', KEYS[6], member) end
for _, blocker in ipairs(strays.closed) do redis.call('HDEL', blocker[1], blocker[2]) end
for _, agent in ipairs(strays.left) do redis.call('SREM', agent, ARGV[1]) end
for _, graph in ipairs(strays.graphs) do
  redis.call('HDEL', graph, ARGV[1])
  if redis.call('HLEN', graph) <= 1 then redis.call('DEL', graph) end
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
return 1
