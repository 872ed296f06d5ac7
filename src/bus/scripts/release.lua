-- Lets the next publication of the id ask. KEYS: 1 id. ARGV: 1 this node, 2 seconds to keep the id.
local known = redis.call('GET', KEYS[1])
if not known or string.sub(known, 1, 1) ~= 'A' or string.sub(known, 30) ~= ARGV[1] then return 0 end
-- After a DEL even an engine without memory takes it.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], 'F' .. string.sub(known, 2, 29), 'EX', ARGV[2])
return 1
