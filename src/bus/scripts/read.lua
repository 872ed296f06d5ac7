-- Reads what is behind a position of a log, and begins a log that is not there.
-- KEYS: 1 head, 2 list. ARGV: 1 number of the position or '', 2 its tag, 3 base's tag of a new log,
-- 4 seconds to keep it.
--
-- Returns the position before the first entry, whether the position is in the chain, whether the log
-- was begun, and the entries.
local head = redis.call('HMGET', KEYS[1], 'n', 't', 'x')
local n, t, asked = tonumber(head[1]), head[2], tonumber(ARGV[1])
local now, keep_for = tonumber(redis.call('TIME')[1]), tonumber(ARGV[4])
local begun = not n
if begun then
  -- Nobody is admitted before the control log is read. After a write that needs no memory even an engine
  -- without memory takes it.
  if string.sub(KEYS[1], -6) == ':{c}:m' then redis.call('HDEL', KEYS[1], '') end
  n, t = asked or 0, asked and ARGV[2] or ARGV[3]
  redis.call('HSET', KEYS[1], 'n', n, 't', t, 'b', 0)
  redis.call('DEL', KEYS[2])
end
-- A log stays while somebody watches it. EXPIRE comes first: after it even an engine without memory takes
-- the rest, so that what it has can be read.
local expiry_set = tonumber(head[3])
if begun or not expiry_set or math.abs(now - expiry_set) >= keep_for then
  redis.call('EXPIRE', KEYS[1], keep_for * 3)
  redis.call('EXPIRE', KEYS[2], keep_for * 3)
  redis.call('HSET', KEYS[1], 'x', now)
end
-- The tag before the entry at this index of the list: bytes 16 to 21 of the entry name it.
local length = redis.call('LLEN', KEYS[2])
local function tag_before(index)
  if index == length then return t end
  return string.sub(redis.call('LINDEX', KEYS[2], index), 16, 21)
end
local first, follows = 0, 1
if asked then
  first = asked - (n - length)
  if first < 0 or first > length or tag_before(first) ~= ARGV[2] then first, follows = 0, 0 end
end
local base = struct.pack('>I8', n - length + first) .. tag_before(first)
return {base, follows, begun and 1 or 0, redis.call('LRANGE', KEYS[2], first, -1)}
