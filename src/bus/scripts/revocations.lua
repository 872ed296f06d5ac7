-- Reads a page of revocations in the order of their end. KEYS: 1 users by end, 2 moments by user.
-- ARGV: 1 user and 2 end of the last one of the page before, or '', 3 how many.
local first = 0
if ARGV[2] ~= '' then
  local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if score and tonumber(score) == tonumber(ARGV[2]) then
    first = redis.call('ZRANK', KEYS[1], ARGV[1]) + 1
  else
    first = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2])
  end
end
local count = tonumber(ARGV[3])
local found = redis.call('ZRANGE', KEYS[1], first, first + count, 'WITHSCORES')
local page = {#found / 2 <= count and 1 or 0}
for index = 1, math.min(#found / 2, count) do
  local user = found[index * 2 - 1]
  page[#page + 1] = user
  page[#page + 1] = redis.call('HGET', KEYS[2], user) or '0'
  page[#page + 1] = string.format('%.0f', tonumber(found[index * 2]))
end
return page
