-- Stores the answer to a message that this node asks about. KEYS: 1 id. ARGV: 1 this node, 2 answer,
-- 3 seconds to keep the id.
local known = redis.call('GET', KEYS[1])
if not known then return 0 end
local state, rest = string.sub(known, 1, 1), string.sub(known, 30)
if state == 'R' and rest == ARGV[2] then return 1 end
-- A release may come after the question that followed it, where the engine had lost its script.
if state ~= 'F' and (state ~= 'A' or rest ~= ARGV[1]) then return 0 end
-- After a DEL even an engine without memory takes the answer, of which there are few.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], 'R' .. string.sub(known, 2, 29) .. ARGV[2], 'EX', ARGV[3])
return 1
