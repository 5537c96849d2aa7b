-- The whole of what Redis does for failover, in one script, so that every step is atomic. Runs on Redis 7 and Valkey under
-- deploy/redis/failover.acl. failover-simulator/src/store.rs does the same in Rust, and a test holds the two together.
--
-- KEYS  1 <ns>:term    hash nonce seq state run epoch site to; the record that counts, without a TTL
--       2 <ns>:leader  "site|nonce|epoch" with a TTL: the same for people and for clients of the plain lock; never trusted
--       3 <ns>:wish    hash order stepdown: what operators want
--       4 <ns>:hb:<our site>, then <ns>:hb:<site> of every site in the order of the list
-- ARGV  1 op  2 run id it was decided under  3 site  4 ttl ms  5 heartbeat or ''  6 channel
--       7 nonce  8 seq  9 epoch (renew: ours; else the highest seen)  10 to  11-14 nonce, seq, state, run seen ('' = nothing)
-- Gives {done, run id, nonce, seq, state, run, epoch, site, to, old client's lock, order, stepdown, our heartbeat before,
--        heartbeats of every site...}, with '' for what is not there.
local op, decided, site, ttl, beat, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local nonce, seq, epoch, to = ARGV[7], ARGV[8], tonumber(ARGV[9]) or 0, ARGV[10]

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local record = redis.call('HMGET', KEYS[1], 'nonce', 'seq', 'state', 'run', 'epoch', 'site', 'to')
for i = 1, 7 do record[i] = record[i] or '' end
local absent = record[1] == ''
local done = 0

-- A lock that is not in our form belongs to a client that knows nothing of records. Its bot may be running.
local lock = redis.call('GET', KEYS[2]) or ''
local foreign = lock ~= '' and not string.match(lock, '^[^|]*|%x+|%d+$')

local function write(n, q, state, e, s, t)
  local was_state, was_to = record[3], record[7]
  record = { n, tostring(q), state, run, string.format('%.0f', e), s, t }
  redis.call('HSET', KEYS[1], 'nonce', record[1], 'seq', record[2], 'state', state, 'run', run, 'epoch', record[5], 'site', s, 'to', t)
  if state == 'held' then redis.call('SET', KEYS[2], s .. '|' .. n .. '|' .. record[5], 'PX', ttl) end
  if state ~= was_state or t ~= was_to then redis.call('PUBLISH', channel, state .. '|' .. s .. '|' .. record[5] .. '|' .. t) end
  done = 1
end

local before = redis.call('GET', KEYS[4]) or ''
if beat ~= '' then
  redis.call('SET', KEYS[4], beat, 'PX', ttl)
  local accepted = string.match(beat, '^%d+|(%x*)|')
  if accepted ~= '' and accepted ~= string.match(before, '^%d+|(%x*)|') then redis.call('PUBLISH', channel, 'accepted|' .. site) end
end

if op == 'sync' then
  done = 1
elseif decided == run then
  if op == 'grace' then
    if absent then write(nonce, 0, 'grace', epoch, site, '') end
  elseif op == 'acquire' then
    local same = record[1] == ARGV[11] and record[2] == ARGV[12] and record[3] == ARGV[13] and record[4] == ARGV[14]
    if same and not absent and not foreign then
      -- At least the time in seconds: epochs keep rising after a loss of all data.
      local time = tonumber(redis.call('TIME')[1])
      write(nonce, 0, 'held', math.max((tonumber(record[5]) or 0) + 1, epoch + 1, time), site, '')
    end
  elseif op == 'renew' then
    local mine = record[1] == nonce and record[3] == 'held' and tonumber(record[2]) < tonumber(seq)
    if (mine or absent or record[3] == 'grace' or record[4] ~= run) and not foreign then
      write(nonce, seq, 'held', epoch, site, to)
    end
  elseif op == 'release' then
    if record[1] == nonce and record[3] == 'held' and record[4] == run and record[2] == seq then
      if lock == record[6] .. '|' .. nonce .. '|' .. record[5] then redis.call('DEL', KEYS[2]) end
      write(nonce, tonumber(seq) + 1, 'released', tonumber(record[5]) or 0, record[6], to)
    end
  end
end

local wish = redis.call('HMGET', KEYS[3], 'order', 'stepdown')
local answer = { done, run, record[1], record[2], record[3], record[4], record[5], record[6], record[7],
  foreign and lock or '', wish[1] or '', wish[2] or '', before }
for i = 5, #KEYS do answer[#answer + 1] = redis.call('GET', KEYS[i]) or '' end
return answer
