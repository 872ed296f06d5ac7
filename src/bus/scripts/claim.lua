-- Takes over the question about a message. KEYS: 1 id. ARGV: 1 who asks now, 2 this node,
-- 3 seconds to keep the id.
local known = redis.call('GET', KEYS[1])
if not known or string.sub(known, 1, 1) ~= 'A' then return 0 end
local by = string.sub(known, 30)
-- Its own already: this is the second attempt of a claim whose reply was lost.
if by == ARGV[2] then return 1 end
if by ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], string.sub(known, 1, 29) .. ARGV[2], 'EX', ARGV[3])
return 1
