-- Stores a revocation. KEYS: 1 users by end, 2 moments by user. ARGV: 1 user, 2 moment, 3 end,
-- 4 users at most or 0.
local function drop(user)
  redis.call('ZREM', KEYS[1], user)
  redis.call('HDEL', KEYS[2], user)
end
-- A write that changes nothing and needs no memory comes first: after it even an engine without
-- memory takes the rest.
redis.call('PERSIST', KEYS[1])
local now = redis.call('TIME')[1]
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. now, 'LIMIT', 0, 100)) do
  drop(user)
end
local at = redis.call('HGET', KEYS[2], ARGV[1])
local till = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or tonumber(at) < tonumber(ARGV[2]) then at = ARGV[2] end
if not till or tonumber(till) < tonumber(ARGV[3]) then till = ARGV[3] end
redis.call('HSET', KEYS[2], ARGV[1], at)
redis.call('ZADD', KEYS[1], till, ARGV[1])
local capacity = tonumber(ARGV[4])
for _ = 1, 100 do
  if capacity == 0 or redis.call('ZCARD', KEYS[1]) <= capacity then break end
  local first = redis.call('ZRANGE', KEYS[1], 0, 1)
  drop(first[1] == ARGV[1] and first[2] or first[1])
end
return 1
