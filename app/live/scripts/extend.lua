-- Moves the ends of an agent's leases.
--
-- KEYS  1 leases hash   2 timers zset
-- ARGV  1 new end in milliseconds   2… fields of the leases meant; none: all of them
-- Returns the number of leases that were extended.

local fields = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields == 0 then fields = redis.call('HKEYS', KEYS[1]) end
local extended = 0
for _, field in ipairs(fields) do
  if redis.call('HEXISTS', KEYS[1], field) == 1 then
    redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[1], 'lease|' .. field)
    extended = extended + 1
  end
end
return extended
