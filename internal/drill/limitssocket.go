package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// socketClients is how many use the runtime socket at once: more than it serves
	// at a time.
	socketClients = 100
	// socketFor is how long they do.
	socketFor = 5 * time.Second
	// socketMayGrow is how much memory they may cost.
	socketMayGrow = 32 << 20
	// socketCommand is the size of a command that is too long.
	socketCommand = 1 << 20
)

// socketUsers are what a client of the runtime socket does until ctx ends; errors
// of its connection are what it has to expect.
var socketUsers = []func(ctx context.Context, c net.Conn){
	func(ctx context.Context, c net.Conn) { // asks and reads
		for ctx.Err() == nil {
			if _, err := io.WriteString(c, "prompt i;show stat;show info;show sess;show errors\n"); err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	},
	func(_ context.Context, c net.Conn) { // a command without an end
		_, _ = io.WriteString(c, "show "+strings.Repeat("x", socketCommand)+"\n")
		_, _ = io.Copy(io.Discard, c)
	},
	func(ctx context.Context, c net.Conn) { // a payload without an end
		_, err := io.WriteString(c, "set var proc.x str(a) <<\n")
		line := strings.Repeat("y", 4095) + "\n"
		for err == nil && ctx.Err() == nil {
			_, err = io.WriteString(c, line)
		}
	},
	func(ctx context.Context, c net.Conn) { // reads nothing
		_, err := io.WriteString(c, "prompt i\n")
		for err == nil && ctx.Err() == nil {
			_, err = io.WriteString(c, "show stat;show stat json;show stat typed\n")
		}
		<-ctx.Done()
	},
}

// socketAbuse has a hundred clients on the runtime socket, a quarter of each kind,
// who come again when they are thrown out.
func socketAbuse(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	ctx, cancel := context.WithTimeout(ctx, socketFor)
	defer cancel()
	var wg sync.WaitGroup
	var opened sync.Map
	for i := range socketClients {
		wg.Go(func() { // until ctx ends
			for n := 0; ctx.Err() == nil; n++ {
				opened.Store(fmt.Sprint(i, "/", n), true)
				if l.socketUser(ctx, socketUsers[i%len(socketUsers)]) != nil {
					_ = sleep(ctx, statePoll) // the end of ctx ends the loop
				}
			}
		})
	}
	wg.Wait()
	sessions := 0
	opened.Range(func(any, any) bool { sessions++; return true })
	r.note("%d clients opened %d sessions of the runtime socket", socketClients, sessions)
	return nil
}

func (l *limitsLab) socketUser(ctx context.Context, do func(context.Context, net.Conn)) error {
	c, err := new(net.Dialer).DialContext(ctx, "unix", string(l.runtime))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	do(ctx, c)
	return nil
}

// judgeSocket holds memory and the other users' times against what they may be. A time
// is no reason to fail on a busy machine, and is shown.
func judgeSocket(l *limitsLab, _ codes, r *LimitsReport) {
	if grew := r.Peak - r.Before; grew > socketMayGrow {
		r.fail("memory grew by %.1f MiB, more than %d", mib(grew), socketMayGrow>>20)
	}
	r.note("memory grew by %.1f MiB at most, %d are allowed; other users' p99 %s", mib(r.Peak-r.Before), socketMayGrow>>20, milliseconds(r.P99))
	ctx, cancel := context.WithTimeout(context.Background(), normalLimit)
	defer cancel()
	if _, err := l.runtime.Stat(ctx); err != nil {
		r.fail("an operator afterwards: %v", errors.Join(err, ctx.Err()))
	}
}
