"""The counts of a key in Redis, shared by every process; the same rules as `relay.windows`, in one script a request.

A key has three Redis keys: requests by second, tokens by second (hashes), and slots by the time they run out (a sorted
set). The clock is the server's. All of it expires by itself.
"""

from collections.abc import Collection
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from relay.windows import WINDOW_SECONDS, Answer, Ask, Limit

SLOT_SECONDS = 15  # a slot outlives the process that took it by so long

_COMMON = (
    f"local window, slot = {WINDOW_SECONDS}, {SLOT_SECONDS}"
    + """
local now = tonumber(redis.call('TIME')[1])

local function read(key)
  local flat, live, total = redis.call('HGETALL', key), {}, 0
  for i = 1, #flat, 2 do
    local second, number = tonumber(flat[i]), tonumber(flat[i + 1])
    if math.abs(now - second) > window then
      redis.call('HDEL', key, flat[i])
    else
      live[#live + 1] = {second, number}
      total = total + number
    end
  end
  table.sort(live, function(a, b) return a[1] < b[1] end)
  return {live = live, total = total}
end

local function wait(counts, cost, limit)
  local left = counts.total
  if left + cost <= limit then return 0 end
  for _, pair in ipairs(counts.live) do
    left = left - pair[2]
    if left + cost <= limit then return pair[1] + window + 1 - now end
  end
  return window
end

local function add(key, second, number)
  if number > 0 or redis.call('HEXISTS', key, second) == 1 then
    if redis.call('HINCRBY', key, second, number) < 0 then redis.call('HSET', key, second, 0) end
    redis.call('EXPIRE', key, 2 * window)
  end
end
"""
)

# KEYS: requests, tokens, slots. ARGV: id (empty: only look), estimate of tokens, three limits (-1: none).
ADMIT = (
    _COMMON
    + """
local id, estimate = ARGV[1], tonumber(ARGV[2])
local max_requests, max_tokens, max_slots = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local requests, tokens = read(KEYS[1]), read(KEYS[2])
local refused_by, retry_after = 0, 0
if id ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 1)
  if max_requests >= 0 and requests.total + 1 > max_requests then
    refused_by, retry_after = 1, wait(requests, 1, max_requests)
  elseif max_tokens >= 0 and tokens.total + estimate > max_tokens then
    refused_by, retry_after = 2, wait(tokens, estimate, max_tokens)
  elseif max_slots >= 0 and redis.call('ZCARD', KEYS[3]) >= max_slots then
    refused_by, retry_after = 3, 1
  else
    add(KEYS[1], now, 1)
    add(KEYS[2], now, estimate)
    redis.call('ZADD', KEYS[3], now + slot, id)
    redis.call('EXPIRE', KEYS[3], 2 * slot)
    requests, tokens = read(KEYS[1]), read(KEYS[2])
  end
end
return {refused_by, retry_after, now,
        requests.total, wait(requests, 0, 0), tokens.total, wait(tokens, 0, 0)}
"""
)

# KEYS as above. ARGV: id, the second it was admitted in, what to add to its requests and to its tokens.
END = (
    _COMMON
    + """
local second, more = tonumber(ARGV[2]), tonumber(ARGV[4])
redis.call('ZREM', KEYS[3], ARGV[1])
add(KEYS[1], second, tonumber(ARGV[3]))
add(KEYS[2], more < 0 and second or now, more)
"""
)

# KEYS: slots. ARGV: id. A slot that was freed meanwhile stays free.
PROLONG = (
    _COMMON
    + """
redis.call('ZADD', KEYS[1], 'XX', now + slot, ARGV[1])
redis.call('EXPIRE', KEYS[1], 2 * slot)
"""
)


class SharedWindows:
    """See `relay.windows.Windows`. Every method raises RedisError when Redis refuses or hangs; nothing is retried."""

    def __init__(self, url: str, *, budget: float) -> None:
        patience = budget / 2.5  # once to connect and once to answer stay within the budget
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            retry=Retry(NoBackoff(), 0),
        )
        self._admit, self._end, self._prolong = map(self._redis.register_script, (ADMIT, END, PROLONG))

    def admit(self, ask: Ask) -> Answer:
        return self._ask(ask, ask.id)

    def look(self, ask: Ask) -> Answer:
        return self._ask(ask, "")

    def end(self, ask: Ask, *, second: int, requests: int, tokens: int) -> None:
        self._end(keys=_keys(ask), args=[ask.id, second, requests, tokens])

    def prolong(self, running: Collection[Ask]) -> None:
        if running:
            with self._redis.pipeline(transaction=False) as pipeline:
                for ask in running:
                    self._prolong(keys=_keys(ask)[2:], args=[ask.id], client=pipeline)
                pipeline.execute()

    def close(self) -> None:
        self._redis.close()

    def _ask(self, ask: Ask, id: str) -> Answer:
        limits = (ask.max_requests, ask.max_tokens, ask.max_concurrent)
        arguments: list[str | int] = [id, ask.tokens, *(-1 if limit is None else limit for limit in limits)]
        refused_by, *numbers = self._admit(keys=_keys(ask), args=arguments)
        return Answer(Limit(refused_by), *numbers)


def _keys(ask: Ask) -> list[Any]:
    # The braces keep the three together where Redis is a cluster.
    return [f"tollbooth:{{{ask.key}}}:{kind}" for kind in ("requests", "tokens", "slots")]
