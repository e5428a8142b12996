package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// leaseFor is how long a server may take to execute a keyed POST before another one
	// may: its requests take a few ms, and a client whose server died waits this long.
	leaseFor = 300 * time.Millisecond
	// leasePoll is how often a lease is looked at by whoever waits for it.
	leasePoll = 10 * time.Millisecond
)

// claimScript takes over a key whose lease has ended: it writes ARGV[1] where the lease
// that stands there ended before ARGV[2], or answers what stands there: "=" and the
// answer of an execution, or "?" while another server has it. The end of a lease stands
// in the value, in Unix ms by the servers' clocks: an embedded Redis expires nothing by
// itself.
var claimScript = redis.NewScript(`
local was = redis.call('GET', KEYS[1])
if was and string.sub(was, 1, 1) == '=' then return was end
if was and tonumber(ARGV[2]) < tonumber(string.match(was, '%d+')) then return '?' end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return '+'
`)

// commitScript logs the execution and keeps its answer if the key is still held with
// the token ARGV[1]: a lease that has run out may belong to another server by now, of
// one that was frozen meanwhile.
var commitScript = redis.NewScript(`
local was = redis.call('GET', KEYS[1])
if not was or string.match(was, '%S+$') ~= ARGV[1] or string.sub(was, 1, 1) ~= '?' then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1
`)

// keyedOp executes a POST once for its key, whichever server it reaches how often.
// Who comes second waits for the first one's answer, or for the end of its lease.
func (a *API) keyedOp(w http.ResponseWriter, r *http.Request, run, id, key string) {
	if !validName(key) {
		refuse(w, http.StatusBadRequest, "%s: want 1 to %d letters, digits, '-' or '_'", KeyHeader, maxName)
		return
	}
	ctx, cancel := context.WithTimeout(detached(r), redisWait)
	defer cancel()
	token := rand.Text()
	for {
		was, err := a.claim(ctx, run, key, token)
		if err != nil {
			a.unavailable(w, err)
			return
		}
		if answer, ok := strings.CutPrefix(was, "="); ok {
			w.Header().Set(AgainHeader, "true")
			writeJSON(w, http.StatusCreated, json.RawMessage(answer))
			return
		}
		if was == "+" {
			done, err := a.commit(ctx, run, id, key, token)
			if err != nil {
				a.unavailable(w, err)
				return
			}
			if done {
				writeJSON(w, http.StatusCreated, opDone{id})
				return
			}
		}
		select {
		case <-time.After(leasePoll):
		case <-ctx.Done():
			a.unavailable(w, fmt.Errorf("key %s: %w", key, ctx.Err()))
			return
		}
	}
}

// claim takes a key for the length of a lease: without a script where nobody has it,
// which is nearly always.
func (a *API) claim(ctx context.Context, run, key, token string) (string, error) {
	now := time.Now()
	lease := fmt.Sprintf("?%d %s", now.Add(leaseFor).UnixMilli(), token)
	free, err := a.store.rdb.SetNX(ctx, keyedKey(run, key), lease, keptFor).Result()
	if err == nil && free {
		return "+", nil
	}
	var was string
	if err == nil {
		was, err = claimScript.Run(ctx, a.store.rdb, []string{keyedKey(run, key)},
			lease, now.UnixMilli(), int(keptFor.Seconds())).Text()
	}
	if err != nil {
		return "", fmt.Errorf("claiming a key: %w", err)
	}
	return was, nil
}

func (a *API) commit(ctx context.Context, run, id, key, token string) (bool, error) {
	answer := "=" + strings.TrimSpace(OpReply(id))
	done, err := commitScript.Run(ctx, a.store.rdb, []string{keyedKey(run, key), opsKey(run)},
		token, answer, a.entry(id), int(keptFor.Seconds())).Bool()
	if err != nil {
		return false, fmt.Errorf("storing a keyed operation: %w", err)
	}
	return done, nil
}
