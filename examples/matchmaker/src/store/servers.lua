-- All servers. Argument: milliseconds after which a silent one is forgotten.
-- Answers {server, heartbeat, reserved slots, milliseconds since the heartbeat} for each.
local forget_after = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
for _, id in ipairs(redis.call('SMEMBERS', 'netcode:servers')) do
  local server, held = 'netcode:server:' .. id, 'netcode:held:' .. id
  local fields = redis.call('HMGET', server, 'seen', 'heartbeat', 'addresses')
  local age = fields[1] and now - fields[1]
  if not age or age >= forget_after then
    for address in string.gmatch(fields[3] or '', '%S+') do
      if redis.call('HGET', 'netcode:owner', address) == id then
        redis.call('HDEL', 'netcode:owner', address)
      end
    end
    redis.call('SREM', 'netcode:servers', id)
    redis.call('DEL', server, held, 'netcode:clients:' .. id)
  else
    local reserved = redis.call('ZCOUNT', held, '(' .. now, '+inf')
    answer[#answer + 1] = { id, fields[2], reserved, math.max(0, age) }
  end
end
return answer
