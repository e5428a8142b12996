package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// keptFor is how long sessions and rooms outlive their last use in Redis.
	keptFor = 24 * time.Hour
	// roomLimit bounds a room in Redis. A position is the message's place in the list,
	// so the list cannot be cut at its front: a full room refuses instead.
	roomLimit = 1_000_000
	// fetchLimit bounds the messages of one read.
	fetchLimit = 256
	// presenceFor is how long a member counts as present after its server's last sign;
	// presenceEvery is how often the server gives one: two may be late.
	presenceFor   = 15 * time.Second
	presenceEvery = 5 * time.Second

	channelChat   = "fleet:chat"   // payload: the room that has a new message or member
	channelLogout = "fleet:logout" // payload: the session that ended
)

// errRoomFull is the answer of a room that has roomLimit messages.
var errRoomFull = errors.New("the room is full")

// store is all that the API servers share: Redis. It counts the round trips.
type store struct {
	rdb   *redis.Client
	trips atomic.Int64
}

// redisWait is how long Redis may take. It is long, because on a laptop that
// is busy with something else a short one fails requests that nobody lost.
const redisWait = 10 * time.Second

func newStore(addr string) *store {
	s := &store{}
	s.rdb = redis.NewClient(&redis.Options{
		Addr: addr,
		// A command that is sent twice may be executed twice (plays). Whoever needs
		// a retry sends again by number.
		MaxRetries:      -1,
		Protocol:        2,
		DisableIdentity: true,
		DialTimeout:     redisWait,
		DialerRetries:   1,
		ReadTimeout:     redisWait,
	})
	s.rdb.AddHook(counting{&s.trips})
	return s
}

func (s *store) close() { s.rdb.Close() }

// Every key of a room carries its name in braces, so that a Redis that is split by
// keys has them in one place, as the script needs it.
func roomKey(room string) string     { return "room:{" + room + "}" }
func numbersKey(room string) string  { return "room:{" + room + "}:numbers" }
func presenceKey(room string) string { return "room:{" + room + "}:present" }

// say stores a message under the client's next number, once. It answers
// {1, position}: stored; {0, last}: that number was stored before; {-1, last}: a gap;
// {-2, last}: the room is full. The place in the list is the position.
var sayScript = redis.NewScript(`
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
local number = tonumber(ARGV[2])
if number <= last then return {0, last} end
if number > last + 1 then return {-1, last} end
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {-2, last} end
local position = redis.call('RPUSH', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], number)
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {1, position}
`)

// said is what became of a message.
type said int

const (
	saidStored said = iota
	saidAgain       // stored before under this number
	saidGap         // refused: numbers are missing before it
)

// say stores m in the room. last is the client's last stored number afterwards.
func (s *store) say(ctx context.Context, room string, m Message) (what said, last int64, err error) {
	text, err := json.Marshal(m)
	if err != nil {
		return 0, 0, err
	}
	reply, err := sayScript.Run(ctx, s.rdb, []string{roomKey(room), numbersKey(room)},
		numberedBy(m.User, m.Client), m.Number, text, roomLimit, int(keptFor.Seconds()), channelChat, room).Int64Slice()
	if err != nil {
		return 0, 0, fmt.Errorf("storing a message: %w", err)
	}
	if len(reply) != 2 {
		return 0, 0, fmt.Errorf("storing a message: unexpected reply %v", reply)
	}
	switch reply[0] {
	case 1:
		return saidStored, m.Number, nil
	case 0:
		return saidAgain, reply[1], nil
	case -2:
		return 0, reply[1], errRoomFull
	}
	return saidGap, reply[1], nil
}

// numberedBy is the owner of a sequence of numbers: a user cannot use up another's.
func numberedBy(user, client string) string { return user + "/" + client }

// since reads up to fetchLimit messages behind position.
func (s *store) since(ctx context.Context, room string, position int64) ([]Message, error) {
	texts, err := s.rdb.LRange(ctx, roomKey(room), position, position+fetchLimit-1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading room %s: %w", room, err)
	}
	messages := make([]Message, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &messages[i]); err != nil {
			return nil, fmt.Errorf("reading room %s: %w", room, err)
		}
		messages[i].Position = position + int64(i) + 1
	}
	return messages, nil
}

// last returns the room's last position and the last number of a client in it.
func (s *store) last(ctx context.Context, room, user, client string) (position, number int64, err error) {
	pipe := s.rdb.Pipeline()
	length := pipe.LLen(ctx, roomKey(room))
	stored := pipe.HGet(ctx, numbersKey(room), numberedBy(user, client))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, 0, fmt.Errorf("reading room %s: %w", room, err)
	}
	number, err = stored.Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, 0, fmt.Errorf("reading room %s: %w", room, err)
	}
	return length.Val(), number, nil
}

// present records that the members are on this server until presenceFor from now.
func (s *store) present(ctx context.Context, room string, members []string, now time.Time) error {
	until := float64(now.Add(presenceFor).Unix())
	entries := make([]redis.Z, len(members))
	for i, member := range members {
		entries[i] = redis.Z{Score: until, Member: member}
	}
	pipe := s.rdb.Pipeline()
	pipe.ZAdd(ctx, presenceKey(room), entries...)
	pipe.ZRemRangeByScore(ctx, presenceKey(room), "-inf", fmt.Sprint(now.Unix()))
	pipe.Expire(ctx, presenceKey(room), presenceFor)
	_, err := pipe.Exec(ctx)
	return err
}

// absent takes one member out; the others of the room are told.
func (s *store) absent(ctx context.Context, room, member string) error {
	pipe := s.rdb.Pipeline()
	pipe.ZRem(ctx, presenceKey(room), member)
	pipe.Publish(ctx, channelChat, room)
	_, err := pipe.Exec(ctx)
	return err
}

// members returns who is present, one entry for each connection.
func (s *store) members(ctx context.Context, room string, now time.Time) ([]string, error) {
	return s.rdb.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: presenceKey(room), Start: fmt.Sprint(now.Unix()), Stop: "+inf", ByScore: true,
	}).Result()
}

// counting counts the round trips to Redis; a pipeline is one.
type counting struct{ trips *atomic.Int64 }

func (c counting) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmd)
	}
}

func (c counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmds)
	}
}
