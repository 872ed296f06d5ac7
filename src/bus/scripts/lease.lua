-- Takes or renews a lease, drops those that are over, and lists the others. KEYS: 1 leases.
-- ARGV: 1 this node, 2 milliseconds, 3 its info.
--
-- A lease's value: its end in unix milliseconds (8), and the info.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local before = redis.call('HGET', KEYS[1], ARGV[1])
-- A write that changes nothing and needs no memory comes first: after it even an engine without
-- memory takes the rest.
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[1], ARGV[1], struct.pack('>I8', now + tonumber(ARGV[2])) .. ARGV[3])
local taken = ''
if before and struct.unpack('>I8', before) > now then taken = string.sub(before, 9) end
local live = {taken}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local left = struct.unpack('>I8', all[index + 1]) - now
  if left <= 0 then
    redis.call('HDEL', KEYS[1], all[index])
  else
    live[#live + 1] = all[index]
    live[#live + 1] = string.sub(all[index + 1], 9)
    live[#live + 1] = left
  end
end
return live
