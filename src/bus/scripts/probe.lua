-- Sends a probe to a channel. KEYS: 1 a name that nobody uses. ARGV: 1 channel, 2 what it says.
--
-- The DEL changes nothing, but it is a write: a master that was demoted refuses it, while it would
-- publish to those who are left at it.
redis.call('DEL', KEYS[1])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
