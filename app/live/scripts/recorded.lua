#!lua flags=allow-oom
-- Moves the position of a log on, never back, and trims the log; works in a full Redis too.
--
-- KEYS  1 log stream
-- ARGV  1 group   2 position from which was read   3 the last entry read   4 how many they are
--       5 entries before this one are trimmed
-- Returns 1.
--
-- Redis tells how far behind a group is only where it was told how many entries were read.

local function before(a, b)
  local a1, a2 = a:match('(%d+)-(%d+)')
  local b1, b2 = b:match('(%d+)-(%d+)')
  if a1 ~= b1 then return tonumber(a1) < tonumber(b1) end
  return tonumber(a2) < tonumber(b2)
end

local function as_table(flat)
  local told = {}
  for i = 1, #flat, 2 do told[flat[i]] = flat[i + 1] end
  return told
end

local first = redis.call('XINFO', 'GROUPS', KEYS[1])[1]
local group = first and as_table(first)
if not group then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
  group = {['last-delivered-id'] = '0-0'}
end
local position, read = group['last-delivered-id'], group['entries-read']
if position == '0-0' then read = 0 end
if before(position, ARGV[3]) then
  read = read and position == ARGV[2] and read + ARGV[4]
  if not read then
    local stream = as_table(redis.call('XINFO', 'STREAM', KEYS[1]))
    if stream['last-generated-id'] == ARGV[3] then read = stream['entries-added'] end
  end
  if read then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[3], 'ENTRIESREAD', read)
  else
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[3])
  end
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[5])
return 1
