-- Reservation of a slot. Arguments: client, milliseconds to hold it, milliseconds until silence,
-- candidates...
-- Answers {server, heartbeat}, or nil.
local client, hold, silent_after = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local holder = 'netcode:holder:' .. client

local function take(id)
  local server, held = 'netcode:server:' .. id, 'netcode:held:' .. id
  local fields = redis.call('HMGET', server, 'seen', 'draining', 'capacity', 'connected')
  if not fields[1] or now - fields[1] >= silent_after or fields[2] ~= '0' then
    return false
  end
  redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
  local free = fields[3] - fields[4] - redis.call('ZCARD', held)
  if free < 1 and not redis.call('ZSCORE', held, client) then
    return false
  end
  redis.call('ZADD', held, now + hold, client)
  redis.call('SET', holder, id, 'PX', hold)
  return true
end

local function reserved(id)
  return { id, redis.call('HGET', 'netcode:server:' .. id, 'heartbeat') }
end

local before = redis.call('GET', holder)
for i = 4, #ARGV do
  if ARGV[i] == before and take(before) then
    return reserved(before)
  end
end
for i = 4, #ARGV do
  if take(ARGV[i]) then
    return reserved(ARGV[i])
  end
end
return nil
