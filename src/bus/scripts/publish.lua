-- Publishes a message once for its id. Behind the arguments of `append`:
-- KEYS: 3 id. ARGV: 8 base's tag of a new log, 9 hash of the content, 10 node that asks or '',
-- 11 seconds to keep the id.
--
-- The id's value: state (1), content (8), position and predecessor's tag (20), and in the state
-- A the node that asks, R the answer, F (free) nothing. The place of an id that `key` has taken is
-- empty: nobody has seen its message, which is published when the id is free, or this node's already.
local empty = string.rep('\0', 20)
local known = redis.call('GET', KEYS[3])
if known then
  if string.sub(known, 2, 9) ~= ARGV[9] then return {'C'} end
  local state, place, rest = string.sub(known, 1, 1), string.sub(known, 10, 29), string.sub(known, 30)
  if state == 'R' then return {'R', rest} end
  if state == 'A' and (place ~= empty or rest ~= ARGV[10]) then return {'A', place, rest} end
  if place ~= empty then
    if ARGV[10] ~= '' then
      redis.call('SET', KEYS[3], 'A' .. string.sub(known, 2, 29) .. ARGV[10], 'EX', ARGV[11])
    end
    return {'F', place}
  end
end
local head = redis.call('HMGET', KEYS[1], 'n', 't', 'b', 'x')
local n, t, bytes = tonumber(head[1]), head[2], tonumber(head[3])
if not n then
  redis.call('DEL', KEYS[2])
  n, t, bytes = 0, ARGV[8], 0
end
-- Orders to all nodes are few. After a write that needs no memory even an engine without memory takes
-- one.
if string.sub(KEYS[1], -6) == ':{c}:m' then redis.call('HDEL', KEYS[1], '') end
local place, heard = append(n, t, bytes, tonumber(head[4]))
local state = ARGV[10] == '' and 'F' or 'A'
redis.call('SET', KEYS[3], state .. ARGV[9] .. place .. ARGV[10], 'EX', ARGV[11])
return {'P', place, heard}
