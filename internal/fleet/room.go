package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// tailKept is how many messages of a room a server keeps, so that its members
	// read each new message without Redis; a reader further back reads from there.
	tailKept = 512
	// lookAgain is how often a room is read without a word from Redis: such a word
	// may be lost with its connection.
	lookAgain = time.Second
)

// rooms are those with a member on this server.
type rooms struct {
	store *store
	log   *slog.Logger
	ctx   context.Context // ends with the server
	done  sync.WaitGroup  // one for each running room

	mu   sync.Mutex
	open map[string]*room // guarded by mu
	next int64            // guarded by mu; numbers the members of this server
}

func newRooms(ctx context.Context, st *store, log *slog.Logger) *rooms {
	return &rooms{store: st, log: log, ctx: ctx, open: map[string]*room{}}
}

// room follows one room in Redis for this server's members. Messages are read by
// position; a published word only says that it is worth a look.
type room struct {
	name  string
	store *store
	log   *slog.Logger
	wake  chan struct{} // holds one word
	stop  context.CancelFunc

	mu       sync.Mutex
	members  map[string]bool // guarded by mu, as all below
	position int64           // of the last message in tail, or before it when empty
	tail     []Message
	online   int
	changed  chan struct{} // closed and replaced when position or online change
}

// enter makes user a member of a room, which is followed from position on, tells the
// other servers, and returns the room and the way out.
func (rs *rooms) enter(name, user, server string, position int64) (*room, func()) {
	rs.mu.Lock()
	rs.next++
	member := fmt.Sprintf("%s|%s|%d", user, server, rs.next)
	r, ok := rs.open[name]
	if !ok {
		r = rs.start(name, position)
	}
	r.mu.Lock()
	r.members[member] = true
	r.mu.Unlock()
	rs.mu.Unlock()

	ctx := context.WithoutCancel(rs.ctx)
	if err := rs.store.present(ctx, name, []string{member}, time.Now()); err != nil {
		rs.log.Warn("presence not stored", "room", name, "error", err)
	}
	rs.store.rdb.Publish(ctx, channelChat, name) // a lost word costs lookAgain
	return r, func() { rs.leave(r, member) }
}

// start opens a room and follows it; rs.mu is held.
func (rs *rooms) start(name string, position int64) *room {
	ctx, stop := context.WithCancel(rs.ctx)
	r := &room{
		name: name, store: rs.store, log: rs.log, wake: make(chan struct{}, 1), stop: stop,
		members: map[string]bool{}, position: position, changed: make(chan struct{}),
	}
	rs.open[name] = r
	rs.done.Add(1)
	// Ends when the last member leaves, or with the server.
	go func() { defer rs.done.Done(); r.follow(ctx) }()
	return r
}

func (rs *rooms) leave(r *room, member string) {
	rs.mu.Lock()
	r.mu.Lock()
	delete(r.members, member)
	empty := len(r.members) == 0
	r.mu.Unlock()
	if empty {
		delete(rs.open, r.name)
		r.stop()
	}
	rs.mu.Unlock()
	if err := rs.store.absent(context.WithoutCancel(rs.ctx), r.name, member); err != nil {
		rs.log.Warn("presence not removed", "room", r.name, "error", err)
	}
}

// look wakes a room: it has news in Redis. An empty name wakes all.
func (rs *rooms) look(name string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.open {
		if name == "" || r.name == name {
			select {
			case r.wake <- struct{}{}:
			default: // a word is waiting already, and one look sees all news
			}
		}
	}
}

// follow reads what is new until ctx ends.
func (r *room) follow(ctx context.Context) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	var signed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-look.C:
		}
		if now := time.Now(); now.Sub(signed) >= presenceEvery {
			signed = now
			r.sign(ctx, now)
		}
		if err := r.refresh(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("room not read", "room", r.name, "error", err)
		}
	}
}

// sign renews the presence of this server's members.
func (r *room) sign(ctx context.Context, now time.Time) {
	r.mu.Lock()
	members := make([]string, 0, len(r.members))
	for member := range r.members {
		members = append(members, member)
	}
	r.mu.Unlock()
	if len(members) == 0 {
		return
	}
	if err := r.store.present(ctx, r.name, members, now); err != nil && ctx.Err() == nil {
		r.log.Warn("presence not stored", "room", r.name, "error", err)
	}
}

// refresh reads all messages behind position and who is there.
func (r *room) refresh(ctx context.Context) error {
	for more := true; more; {
		r.mu.Lock()
		position := r.position
		r.mu.Unlock()
		messages, err := r.store.since(ctx, r.name, position)
		if err != nil {
			return err
		}
		r.append(messages)
		more = len(messages) == fetchLimit
	}
	members, err := r.store.members(ctx, r.name, time.Now())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.online != len(members) {
		r.online = len(members)
		r.tell()
	}
	return nil
}

func (r *room) append(messages []Message) {
	if len(messages) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail = append(r.tail, messages...)
	r.position = messages[len(messages)-1].Position
	if len(r.tail) > 2*tailKept { // cut rarely, copy so that the old array is freed
		r.tail = append([]Message(nil), r.tail[len(r.tail)-tailKept:]...)
	}
	r.tell()
}

// tell wakes the members' writers; r.mu is held.
func (r *room) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// since returns the messages behind position, some of them at least if there are any,
// how many are online, and a channel that closes at the next change.
func (r *room) since(ctx context.Context, position int64) ([]Message, int, <-chan struct{}, error) {
	r.mu.Lock()
	online, changed, last := r.online, r.changed, r.position
	first := last - int64(len(r.tail)) // position before the tail
	var messages []Message
	if position >= first && position < last {
		messages = r.tail[position-first:] // append-only, so safe to read without the lock
	}
	r.mu.Unlock()
	if position >= first || position >= last {
		return messages, online, changed, nil
	}
	messages, err := r.store.since(ctx, r.name, position)
	return messages, online, changed, err
}
