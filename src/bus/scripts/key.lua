-- Takes an idempotency key, or the id of a message that is not published yet, for this node.
-- KEYS: 1 id. ARGV: 1 hash of the content, 2 this node, 3 seconds to keep the key.
--
-- Its value is that of a message id, whose place is empty: `answer`, `claim` and `release` read it. An
-- id that was published keeps its place, and this node is told so: the others have the message.
local place = string.rep('\0', 20)
local taken = {'T'}
local known = redis.call('GET', KEYS[1])
if known then
  if string.sub(known, 2, 9) ~= ARGV[1] then return {'C'} end
  local state, rest = string.sub(known, 1, 1), string.sub(known, 30)
  if state == 'R' then return {'R', rest} end
  -- Its own already: this is the second attempt, or an earlier process of this name has ended.
  if state == 'A' and rest ~= ARGV[2] then return {'A', rest} end
  local published = string.sub(known, 10, 29)
  if published ~= place then
    place = published
    taken = {'F', place}
  end
end
redis.call('SET', KEYS[1], 'A' .. ARGV[1] .. place .. ARGV[2], 'EX', ARGV[3])
return taken
