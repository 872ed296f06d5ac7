-- The beginning of the scripts that append to a log.
-- KEYS: 1 head, 2 list. ARGV: 1 channel, 2 entries and 3 bytes to keep, 4 seconds to keep them,
-- 5 version of the entry, 6 its tag, 7 its body.
--
-- Appends an entry behind position (n, t) of a log whose list has this many bytes, drops what is too
-- much, and announces the entry. Returns its position with its predecessor's tag, and how many
-- heard of it. RPUSH comes first: an engine without memory refuses it before anything has changed.
local function append(n, t, bytes, expiry_set)
  local place = struct.pack('>I8', n + 1) .. ARGV[6] .. t
  local entry = ARGV[5] .. place .. ARGV[7]
  local length = redis.call('RPUSH', KEYS[2], entry)
  bytes = bytes + #entry
  local keep, keep_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
  while length > 1 and (length > keep or bytes > keep_bytes) do
    bytes = bytes - #redis.call('LPOP', KEYS[2])
    length = length - 1
  end
  redis.call('HSET', KEYS[1], 'n', n + 1, 't', ARGV[6], 'b', bytes)
  -- Both keys live for two to three times the promised time. A list that was just made has no expiry.
  local now, keep_for = tonumber(redis.call('TIME')[1]), tonumber(ARGV[4])
  if length == 1 or not expiry_set or math.abs(now - expiry_set) >= keep_for then
    redis.call('HSET', KEYS[1], 'x', now)
    redis.call('EXPIRE', KEYS[1], keep_for * 3)
    redis.call('EXPIRE', KEYS[2], keep_for * 3)
  end
  return place, redis.call('PUBLISH', ARGV[1], entry)
end

