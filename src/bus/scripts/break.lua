-- Says that what was before cannot be told any more, if the head is still the one that was seen.
-- Behind the arguments of `append`: ARGV: 8 number and 9 tag of the head that was seen.
local head = redis.call('HMGET', KEYS[1], 'n', 't')
local n, t, seen = tonumber(head[1]), head[2], tonumber(ARGV[8])
if n and (n ~= seen or t ~= ARGV[9]) then return {'M', struct.pack('>I8', n) .. t} end
redis.call('DEL', KEYS[2])
local place, heard = append(seen, ARGV[9], 0, nil)
return {'P', place, heard}
