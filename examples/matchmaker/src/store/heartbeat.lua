-- Heartbeat of a server. Arguments: server, heartbeat as JSON, capacity, connected, draining,
-- milliseconds until silence, number of addresses, addresses..., clients...
-- Answers {1, reserved slots}, or {0, server} if an address is that server's.
local id, heartbeat, capacity, connected, draining = unpack(ARGV, 1, 5)
local silent_after, addresses = tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local server, held = 'netcode:server:' .. id, 'netcode:held:' .. id
local listed = 'netcode:clients:' .. id

for i = 8, 7 + addresses do
  local owner = redis.call('HGET', 'netcode:owner', ARGV[i])
  if owner and owner ~= id then
    local seen = redis.call('HGET', 'netcode:server:' .. owner, 'seen')
    if seen and now - seen < silent_after then
      return { 0, owner }
    end
  end
end

-- Addresses that it no longer has are free for others.
for address in string.gmatch(redis.call('HGET', server, 'addresses') or '', '%S+') do
  if redis.call('HGET', 'netcode:owner', address) == id then
    redis.call('HDEL', 'netcode:owner', address)
  end
end
local owned = {}
for i = 8, 7 + addresses do
  redis.call('HSET', 'netcode:owner', ARGV[i], id)
  owned[#owned + 1] = ARGV[i]
end

-- A client that is named and was not before has taken its slot, and `connected` counts it.
local still = {}
for i = 8 + addresses, #ARGV do
  still[ARGV[i]] = true
  if redis.call('SADD', listed, ARGV[i]) == 1 then
    redis.call('ZREM', held, ARGV[i])
  end
end
for _, client in ipairs(redis.call('SMEMBERS', listed)) do
  if not still[client] then
    redis.call('SREM', listed, client)
  end
end

redis.call('SADD', 'netcode:servers', id)
redis.call('HSET', server, 'seen', now, 'heartbeat', heartbeat, 'capacity', capacity,
  'connected', connected, 'draining', draining, 'addresses', table.concat(owned, ' '))
redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
return { 1, tostring(redis.call('ZCARD', held)) }
