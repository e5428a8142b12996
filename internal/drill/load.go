package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// LoadOptions say who uses the site. Each user waits for a reply and then for the rest
// of its pace.
type LoadOptions struct {
	Getters, Posters, Users, Listeners, Chats int
	// Pace is the time between two requests of a getter, poster or user; ListenPace of
	// a listener, ChatPace between two messages of a chat client.
	Pace, ListenPace, ChatPace time.Duration
	// Tracks and Rooms are how many there are to choose from.
	Tracks, Rooms int
	// Seed makes the choices.
	Seed uint64
	// Broken of the chat clients drop and double messages, which must be seen.
	Broken int
	// Sockets is told when a chat client's connection begins and ends; nil: nobody.
	Sockets func(ChatEvent)
}

// LightLoad is about 200 requests a second, 50 WebSockets and 25 messages a second. Its
// tracks fit into the caches of both stream servers together, and not into that of one.
func LightLoad() LoadOptions {
	return LoadOptions{
		Getters: 16, Posters: 8, Users: 8, Listeners: 20, Chats: 50,
		Pace: 200 * time.Millisecond, ListenPace: 500 * time.Millisecond, ChatPace: 2 * time.Second,
		Tracks: 12, Rooms: 5, Seed: 1,
	}
}

// Load is a running mixed load against one site.
type Load struct {
	*Tally
	Chats []*Chat

	site   Site
	opt    LoadOptions
	run    string          // tells this load's users from those of an earlier one
	ctx    context.Context // of the users, and of the chat clients' talking
	stop   context.CancelFunc
	users  sync.WaitGroup
	online context.Context // of the chat clients' connections
	hangUp context.CancelFunc
	chats  sync.WaitGroup
	moved  atomic.Int64

	mu    sync.Mutex
	plays map[string]map[int64]bool // guarded by mu; by user and number: acknowledged?
}

// StartLoad starts all users; Finish ends them.
func StartLoad(site Site, opt LoadOptions) *Load {
	l := &Load{Tally: NewTally(), site: site, opt: opt, plays: map[string]map[int64]bool{}}
	l.run = fmt.Sprintf("%x", time.Now().UnixMilli()&0xffffff)
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.online, l.hangUp = context.WithCancel(context.Background())
	for kind, group := range []struct {
		n    int
		act  func(*user)
		pace time.Duration
	}{
		{opt.Getters, (*user).get, opt.Pace},
		{opt.Posters, (*user).post, opt.Pace},
		{opt.Users, (*user).visit, opt.Pace},
		{opt.Listeners, (*user).listen, opt.ListenPace},
	} {
		for i := range group.n {
			u := &user{
				load: l, client: NewClient(site), name: fmt.Sprintf("user-%s-%d-%d", l.run, kind, i),
				rand: rand.New(rand.NewPCG(opt.Seed, uint64(kind)<<32|uint64(i))),
			}
			l.users.Go(func() { u.run(group.act, group.pace) })
		}
	}
	l.startChats()
	return l
}

func (l *Load) startChats() {
	for i := range l.opt.Chats {
		name := fmt.Sprintf("%s-%d", l.run, i)
		chat := NewChat(l.site, "chatter-"+name, "c-"+name, fmt.Sprintf("room-%s-%d", l.run, i%max(1, l.opt.Rooms)))
		chat.Event = l.opt.Sockets
		l.Chats = append(l.Chats, chat)
		if i < l.opt.Broken {
			l.chats.Go(func() { sabotage(l.online, l.ctx, chat, l.opt.ChatPace) })
			continue
		}
		l.chats.Go(func() { chat.Run(l.online) })
		l.users.Go(func() { talkative(l.ctx, chat, l.opt.ChatPace, uint64(i)) })
	}
}

// talkative says something at the pace, beginning somewhere within it.
func talkative(ctx context.Context, chat *Chat, pace time.Duration, seed uint64) {
	next := time.NewTimer(time.Duration(rand.New(rand.NewPCG(seed, 0)).Int64N(int64(pace))))
	defer next.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			chat.Say(fmt.Sprintf("%s says %d", chat.Client, n))
			next.Reset(pace)
		}
	}
}

// Moved is how many replies to sticky users came from another server than the one
// before.
func (l *Load) Moved() int64 { return l.moved.Load() }

// Chatting is the state of all chat clients together.
type Chatting struct {
	Clients, Connected, Reconnects int
	Said, Acked                    int64
}

// Chatting sums up the chat clients.
func (l *Load) Chatting() Chatting {
	sum := Chatting{Clients: len(l.Chats)}
	for _, chat := range l.Chats {
		status := chat.Status()
		if status.Connected {
			sum.Connected++
		}
		sum.Reconnects += max(0, status.Connects-1)
		said, acked, _, _ := chat.progress()
		sum.Said += said
		sum.Acked += acked
	}
	return sum
}

// FinalReport is everything that Finish found out.
type FinalReport struct {
	Load LoadReport `json:"load"`
	Chat ChatReport `json:"chat"`
	// PostsDoubled were executed more than once, PostsLost were acknowledged and not
	// executed.
	PostsDoubled int `json:"posts_doubled"`
	PostsLost    int `json:"posts_lost"`
}

// Clean says that nothing was lost and nothing done twice.
func (r FinalReport) Clean() bool {
	return r.Load.Lost == 0 && r.Chat.Clean() && r.PostsDoubled+r.PostsLost == 0
}

// Finish ends the load, waits until the chat is quiet, for as long as ctx lasts at
// most, and proves what was lost or doubled.
func (l *Load) Finish(ctx context.Context) (FinalReport, error) {
	l.stop()
	l.users.Wait()
	defer l.chats.Wait()
	defer l.hangUp()
	report := FinalReport{Load: l.Report()}
	ledgers := make([]*Ledger, len(l.Chats))
	for i, chat := range l.Chats {
		ledgers[i] = &chat.Ledger
	}
	var err error
	if report.Chat, err = VerifyChats(ctx, l.site, ledgers); err != nil {
		return report, err
	}
	report.PostsDoubled, report.PostsLost, err = l.verifyPlays(context.WithoutCancel(ctx))
	return report, err
}

// abandon ends the load without a report; after Finish it does nothing.
func (l *Load) abandon() {
	l.stop()
	l.hangUp()
	l.users.Wait()
	l.chats.Wait()
}

// verifyPlays asks which POSTs were executed. One that failed may have been or not.
func (l *Load) verifyPlays(ctx context.Context) (doubled, lost int, err error) {
	client := NewClient(l.site)
	defer client.Close()
	for user, numbers := range l.plays {
		if err := client.Login(ctx, user); err != nil {
			return 0, 0, err
		}
		reply, err := client.Do(ctx, http.MethodGet, "/api/v1/plays", "")
		if err != nil {
			return 0, 0, err
		}
		var plays struct{ Executed, Doubled []int64 }
		if err := json.Unmarshal(reply.Body, &plays); err != nil || reply.Status != http.StatusOK {
			return 0, 0, fmt.Errorf("plays of %s: %d %.80s", user, reply.Status, reply.Body)
		}
		executed := map[int64]bool{}
		for _, number := range plays.Executed {
			executed[number] = true
		}
		doubled += len(plays.Doubled)
		for number, acknowledged := range numbers {
			if acknowledged && !executed[number] {
				lost++
			}
		}
	}
	return doubled, lost, nil
}
