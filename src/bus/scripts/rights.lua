-- Tries each command that the scripts call, and names those that this user may not run. KEYS: 1 a name that
-- nobody uses, also of a channel.
--
-- The key is a string for a second at most, so the writes to other types of keys do nothing.
local refused = {}
local function try(...)
  local reply = redis.pcall(...)
  local words = type(reply) == 'table' and reply.err or ''
  if string.find(words, 'NOPERM', 1, true) or string.find(words, "executing the script can't", 1, true) then
    refused[#refused + 1] = string.lower((...))
  end
end
local key = KEYS[1]
try('SET', key, '', 'EX', 1)
try('GET', key)
try('PERSIST', key)
try('EXPIRE', key, 1)
for _, command in ipairs({'HGETALL', 'LLEN', 'LPOP', 'ZCARD'}) do try(command, key) end
for _, command in ipairs({'HGET', 'HDEL', 'HMGET', 'RPUSH', 'LINDEX', 'ZREM', 'ZSCORE', 'ZRANK'}) do
  try(command, key, '0')
end
for _, command in ipairs({'HSET', 'ZADD', 'LRANGE', 'ZCOUNT', 'ZRANGE', 'ZRANGEBYSCORE'}) do
  try(command, key, '0', '0')
end
try('TIME')
try('PUBLISH', key, '')
try('DEL', key)
return refused
