-- End of a reservation whose token was not delivered. Arguments: server, client.
redis.call('ZREM', 'netcode:held:' .. ARGV[1], ARGV[2])
redis.call('DEL', 'netcode:holder:' .. ARGV[2])
return redis.status_reply('OK')
