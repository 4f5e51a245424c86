#!lua
-- Sets all that is held of one execution, its events excepted, from its whole state.
--
-- KEYS  1 header  2 states  3 places  4 seen  5 timers zset  6 graph
-- ARGV  1 the version it must stand at, empty: it must not be there
--       2 msgpack map: as in commit.lua execution, header, fields, enqueue, lease, timers,
--         receipts, opened, joined and wake; and
--         seq        version of the header
--         forget     true: earlier receipts go
--         entries    {{work key, entry}, …} that stand in a work stream for nothing
--         leases     {{leases key, field}, …} that stand there for nothing
--         untimed    {member, …} of timers     closed  {{key of its list, blocker}, …}
--         left       {key of an agent's executions, …}
--         graphs     {key of a graph, …} that is none of its own
--       3 the packed graph
-- Returns  1 done   -1 it stands at another version, or is there

local change = cmsgpack.unpack(ARGV[2])
local header, states, places, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local timers, graph = KEYS[5], KEYS[6]

if (redis.call('HGET', header, 'seq') or '') ~= ARGV[1] then return -1 end

local function unqueue(stream, entry)
  redis.call('XDEL', stream, entry)
  if redis.call('XLEN', stream) == 0 then redis.call('DEL', stream) end
end

local all = redis.call('HGETALL', places)
for i = 1, #all, 2 do
  local place = cmsgpack.unpack(all[i + 1])
  if place[1] == 'q' then unqueue(place[3], place[4]) else redis.call('HDEL', place[4], place[5]) end
end
for _, stray in ipairs(change.entries) do unqueue(stray[1], stray[2]) end
for _, stray in ipairs(change.leases) do redis.call('HDEL', stray[1], stray[2]) end
for _, member in ipairs(change.untimed) do redis.call('ZREM', timers, member) end
for _, blocker in ipairs(change.closed) do redis.call('HDEL', blocker[1], blocker[2]) end
for _, agent in ipairs(change.left) do redis.call('SREM', agent, change.execution) end
for _, other in ipairs(change.graphs) do redis.call('HDEL', other, change.execution) end

redis.call('DEL', states, places)
redis.call('HSET', header, 'seq', string.format('%d', change.seq), 'header', change.header)
for i = 1, #change.fields, 2 do
  redis.call('HSET', states, change.fields[i], change.fields[i + 1])
end
redis.call('HSET', graph, 'packed', ARGV[3], change.execution, 1)
local woken = {}
for _, entry in ipairs(change.enqueue) do
  local id = redis.call('XADD', entry[3], '*', 'x', change.execution, 's', entry[1], 'a', entry[4])
  redis.call('HSET', places, entry[1], cmsgpack.pack({'q', entry[2], entry[3], id}))
  woken[entry[2]] = true
end
for _, lease in ipairs(change.lease) do
  redis.call('HSET', lease[3], lease[5], lease[6])
  redis.call('HSET', places, lease[1], cmsgpack.pack({'l', lease[2], lease[4], lease[3], lease[5]}))
end
for _, timer in ipairs(change.timers) do redis.call('ZADD', timers, timer[2], timer[1]) end
if change.forget then redis.call('DEL', seen) end
for i = 1, #change.receipts, 2 do
  redis.call('HSET', seen, change.receipts[i], change.receipts[i + 1])
end
for _, blocker in ipairs(change.opened) do
  redis.call('HSET', blocker[1], blocker[2], blocker[3])
end
for _, agent in ipairs(change.joined) do
  redis.call('SADD', agent[1], change.execution)
  redis.call('ZADD', timers, 'NX', agent[3], agent[2])
end
local agents = {}
for agent in pairs(woken) do agents[#agents + 1] = agent end
if #agents > 0 then redis.call('PUBLISH', change.wake, table.concat(agents, '\n')) end
return 1
