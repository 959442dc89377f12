"""What Redis does in one step, as scripts in Lua. A key of a script is a name; the rest are its arguments."""

from __future__ import annotations

from typing import Final

KEEP: Final = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
if ARGV[3] ~= '' then
  local known = redis.call('GET', KEYS[3])
  if known then
    local e, o = string.match(known, '^(.*):(%d+)$')
    if e == epoch then return {e, tonumber(o)} end
  end
end
local offset = redis.call('HINCRBY', KEYS[1], 'last', 1)
local row = offset .. ' ' .. ARGV[4] .. ' ' .. string.len(ARGV[3]) .. ' ' .. ARGV[3] .. ARGV[2]
redis.call('RPUSH', KEYS[2], row)
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[5]), -1)
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[6])
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], epoch .. ':' .. offset, 'EX', ARGV[7]) end
redis.call('PUBLISH', KEYS[4], epoch .. ' ' .. row)
return {epoch, offset}
"""
"""Store a message, number it, and publish it; or say which one has its id already."""

READ: Final = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {epoch, redis.call('HGET', KEYS[1], 'last') or '0', redis.call('LRANGE', KEYS[2], 0, -1)}
"""
"""Return the epoch, the newest offset and the messages of a topic."""

SET: Final = """
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('PUBLISH', KEYS[2], string.len(ARGV[1]) .. ' ' .. ARGV[1] .. ARGV[2])
redis.call('SET', KEYS[3], ARGV[3], 'NX')
return redis.call('GET', KEYS[3])
"""
"""Set or remove a member, and publish it."""

CLEAR: Final = """
for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(key, 1, string.len(ARGV[1])) == ARGV[1] then redis.call('HDEL', KEYS[1], key) end
end
"""
"""Remove the members of a worker."""
