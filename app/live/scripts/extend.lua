-- Moves the ends of an agent's leases and notes the contact.
--
-- KEYS  1 leases hash   2 timers zset   3 agent hash
-- ARGV  1 new end in milliseconds   2 time   3 timer that finds the agent off line
--       4 its milliseconds   5… fields of the leases meant; none: all of them
-- Returns the number of leases that were extended.

redis.call('HSET', KEYS[3], 'last_contact_at', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
local fields = {}
for i = 5, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields == 0 then fields = redis.call('HKEYS', KEYS[1]) end
local extended = 0
for _, field in ipairs(fields) do
  if redis.call('HEXISTS', KEYS[1], field) == 1 then
    redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[1], 'lease|' .. field)
    extended = extended + 1
  end
end
return extended
