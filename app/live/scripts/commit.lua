#!lua
-- Commits one decision about an execution: all or nothing.
--
-- The first line has Redis refuse the whole script where it has no memory left; without it, only
-- scripts that begin with a growing command would be refused, and the others outgrow the limit.
--
-- KEYS  1 header   hash    2 states  hash    3 events  stream    4 places  hash
--       5 seen     hash    6 log     stream  7 timers  zset      8 graph   hash
--       9 blockers hash
-- ARGV  1 the version decided on, 0 for a new execution
--       2 msgpack map:
--         execution  id
--         header     JSON
--         fields     {field, JSON, …} of states
--         events     {{seq, body, hash}, …}; the last carries what changed for those who watch
--         changes    JSON
--         clear      true: nothing of this execution is queued or leased any more
--         leave      {subtask, …} that leave their place
--         enqueue    {{subtask, agent, work key, action}, …}
--         lease      {{subtask, agent, leases key, work key, field, JSON, limit}, …}; limit 0: none
--         timers     {{member, milliseconds}, …}
--         untimed    {member, …}
--         due        {member, milliseconds} or nil: go on only if this timer is due
--         receipts   {event id, JSON, …}
--         opened     {{key of its list, blocker, JSON}, …}
--         closed     {blocker, …}
--         waits      key of the list of what waits for agents
--         joined     {{key of an agent's executions, its timer, milliseconds}, …}
--         left       {key of an agent's executions, …}
--         contact    {agent key, time, its timer, milliseconds} or nil: the agent was heard of
--         wake       channel
--       3 the packed graph of a new execution, else empty
-- Returns  1 done   -1 the version has moved on   -2 the agent has no room   -3 not due

local expected, change = tonumber(ARGV[1]), cmsgpack.unpack(ARGV[2])
local header, states, events, places = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen, log, timers, graph, blockers = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]

if tonumber(redis.call('HGET', header, 'seq') or 0) ~= expected then return -1 end
if change.due then
  local score = redis.call('ZSCORE', timers, change.due[1])
  if not score or tonumber(score) > change.due[2] then return -3 end
end

-- A place is {'q', agent, work key, entry} or {'l', agent, work key, leases key, field}.
local function leave(subtask, place, woken)
  if place[1] == 'q' then
    redis.call('XDEL', place[3], place[4])
    if redis.call('XLEN', place[3]) == 0 then redis.call('DEL', place[3]) end
  else
    redis.call('HDEL', place[4], place[5])
    if redis.call('EXISTS', place[3]) == 1 then woken[place[2]] = true end
  end
  redis.call('HDEL', places, subtask)
end

local added = {}
for _, lease in ipairs(change.lease) do
  if lease[7] > 0 then
    local held = redis.call('HLEN', lease[3]) + (added[lease[3]] or 0)
    for _, subtask in ipairs(change.leave) do
      local place = redis.call('HGET', places, subtask)
      if place and cmsgpack.unpack(place)[4] == lease[3] then held = held - 1 end
    end
    if held >= lease[7] then return -2 end
    added[lease[3]] = (added[lease[3]] or 0) + 1
  end
end

local woken = {}
if change.clear then
  local all = redis.call('HGETALL', places)
  for i = 1, #all, 2 do leave(all[i], cmsgpack.unpack(all[i + 1]), woken) end
else
  for _, subtask in ipairs(change.leave) do
    local place = redis.call('HGET', places, subtask)
    if place then leave(subtask, cmsgpack.unpack(place), woken) end
  end
end
for _, entry in ipairs(change.enqueue) do
  local id = redis.call('XADD', entry[3], '*', 'x', change.execution, 's', entry[1], 'a', entry[4])
  redis.call('HSET', places, entry[1], cmsgpack.pack({'q', entry[2], entry[3], id}))
  woken[entry[2]] = true
end
for _, lease in ipairs(change.lease) do
  redis.call('HSET', lease[3], lease[5], lease[6])
  redis.call('HSET', places, lease[1], cmsgpack.pack({'l', lease[2], lease[4], lease[3], lease[5]}))
end

local seq = expected
for i, event in ipairs(change.events) do
  seq = event[1]
  redis.call('XADD', events, '0-' .. string.format('%d', seq), 'e', event[2], 'h', event[3])
  if i < #change.events then
    redis.call('XADD', log, '*', 'x', change.execution, 'e', event[2], 'h', event[3])
  else
    redis.call('XADD', log, '*', 'x', change.execution, 'e', event[2], 'h', event[3],
      'u', change.header, 'c', change.changes)
  end
end
redis.call('HSET', header, 'seq', string.format('%d', seq), 'header', change.header)
for i = 1, #change.fields, 2 do
  redis.call('HSET', states, change.fields[i], change.fields[i + 1])
end
for i = 1, #change.receipts, 2 do
  redis.call('HSET', seen, change.receipts[i], change.receipts[i + 1])
end
for _, member in ipairs(change.untimed) do redis.call('ZREM', timers, member) end
for _, timer in ipairs(change.timers) do redis.call('ZADD', timers, timer[2], timer[1]) end
for _, blocker in ipairs(change.closed) do
  redis.call('HDEL', blockers, blocker)
  redis.call('HDEL', change.waits, blocker)
end
for _, blocker in ipairs(change.opened) do
  redis.call('HSET', blocker[1], blocker[2], blocker[3])
end
for _, agent in ipairs(change.joined) do
  redis.call('SADD', agent[1], change.execution)
  redis.call('ZADD', timers, 'NX', agent[3], agent[2])
end
for _, agent in ipairs(change.left) do redis.call('SREM', agent, change.execution) end
if change.contact then
  redis.call('HSET', change.contact[1], 'last_contact_at', change.contact[2])
  redis.call('ZADD', timers, change.contact[4], change.contact[3])
end
if ARGV[3] ~= '' then
  redis.call('HSETNX', graph, 'packed', ARGV[3])
  redis.call('HSET', graph, change.execution, 1)
end
local agents = {}
for agent in pairs(woken) do agents[#agents + 1] = agent end
if #agents > 0 then redis.call('PUBLISH', change.wake, table.concat(agents, '\n')) end
return 1
