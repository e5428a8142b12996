package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// clientPatience bounds a client of a part: what the slowest takes, and some more, as
// the machine may be busy.
const clientPatience = time.Minute

// each runs n clients at once, each on a connection of its own, and returns the
// first error.
func (l *limitsLab) each(ctx context.Context, n int, do func(ctx context.Context, i int, c net.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	var wg sync.WaitGroup
	var first atomic.Pointer[error]
	for i := range n {
		wg.Go(func() { // bounded by clientPatience
			err := l.connected(ctx, i, do)
			if err != nil {
				err = fmt.Errorf("client %d: %w", i, err)
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// eachAfter is the time between two clients' beginnings: all at the same instant would
// measure how fast this machine opens connections.
const eachAfter = 2 * time.Millisecond

func (l *limitsLab) connected(ctx context.Context, i int, do func(ctx context.Context, i int, c net.Conn) error) error {
	if err := sleep(ctx, time.Duration(i)*eachAfter); err != nil {
		return err
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", l.site)
	if err != nil {
		return err
	}
	defer c.Close()
	if limit, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(limit) // fails on no open connection
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	return do(ctx, i, c)
}

// slowHeaders sends heads byte by byte; the balancer shall answer 408 after timeout
// http-request, counted from the first byte.
func slowHeaders(ctx context.Context, l *limitsLab, _ *LimitsReport) error {
	return l.each(ctx, l.opt.Clients, func(ctx context.Context, _ int, c net.Conn) error {
		if _, err := io.WriteString(c, "GET /small HTTP/1.1\r\nHost: drill.test\r\nX-Slow: "); err != nil {
			return err
		}
		stop := make(chan struct{})
		defer close(stop)
		go func() { // until the answer has come
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					_, _ = io.WriteString(c, "a") // refused once the balancer has closed
				}
			}
		}()
		return wantStatus(c, http.StatusRequestTimeout)
	})
}

func judgeSlowHeaders(l *limitsLab, logged codes, r *LimitsReport) {
	// A user's connection that is never used counts as one too.
	if n := logged.with("408", "cR"); n < l.opt.Clients {
		r.fail("%d times 408 cR logged, want %d", n, l.opt.Clients)
	}
}

// wantStatus reads one response and holds its status against want.
func wantStatus(c net.Conn, want int) error {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		return fmt.Errorf("status %d, want %d", resp.StatusCode, want)
	}
	return nil
}

// slowBody is what each slow reader asks for: more than the kernel's buffers on both
// sides of the balancer hold.
const slowBody = 32 << 20

// slowReaders ask for large bodies; half of them read nothing until they are cut by
// timeout client, half read a little now and then and are served on until they leave.
func slowReaders(ctx context.Context, l *limitsLab, _ *LimitsReport) error {
	return l.each(ctx, l.opt.Clients, func(ctx context.Context, i int, c net.Conn) error {
		_ = c.(*net.TCPConn).SetReadBuffer(16 << 10) // a hint
		if _, err := fmt.Fprintf(c, "GET /large/%d HTTP/1.1\r\nHost: drill.test\r\n\r\n", slowBody); err != nil {
			return err
		}
		if i%2 == 0 {
			return readNothing(ctx, c)
		}
		return readLittle(ctx, c)
	})
}

// stuckFor is how long a reader takes nothing at most: timeout client, and as long again
// until a busy machine has filled the sockets, from when on it counts.
const stuckFor = 12 * time.Second

// readNothing waits until the balancer has closed, and then reads what is there. A reset
// is seen without reading; an end is not, as it waits behind the bytes.
func readNothing(ctx context.Context, c net.Conn) error {
	for until := time.Now().Add(stuckFor); time.Now().Before(until) && !wasReset(c); {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	n, _ := io.Copy(io.Discard, c) // a reset is as good as an end
	if n >= slowBody {
		return fmt.Errorf("%d bytes came, want fewer than were asked for", n)
	}
	return nil
}

// wasReset says whether a connection is no more.
func wasReset(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	fds := []unix.PollFd{{}} // POLLERR and POLLHUP are told unasked
	if err := raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0)
	}); err != nil {
		return true
	}
	return fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// readLittle takes 32 KiB every 100 ms for 8 s, and must never be cut.
func readLittle(ctx context.Context, c net.Conn) error {
	some := make([]byte, 32<<10)
	for range 80 {
		if _, err := io.ReadFull(c, some); err != nil {
			return fmt.Errorf("a slow reader was cut: %w", err)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func judgeSlowReaders(l *limitsLab, logged codes, r *LimitsReport) {
	stuck := (l.opt.Clients + 1) / 2
	if n := logged.with("200", "cD"); n != stuck {
		r.fail("%d times 200 cD logged, want %d", n, stuck)
	}
	if n, want := logged.with("200", "CD"), l.opt.Clients/2; n != want {
		r.fail("%d times 200 CD logged, want %d", n, want)
	}
}

// upload sends one large body and lets the server count it.
func upload(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	size := int64(l.opt.SizeMiB) << 20
	begun := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+l.site+"/upload", io.LimitReader(zeros{}, size))
	if err != nil {
		return err
	}
	req.ContentLength = size
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if got := string(text); resp.StatusCode != http.StatusOK || got != strconv.FormatInt(size, 10) {
		return fmt.Errorf("status %d, the server counted %.40q bytes of %d", resp.StatusCode, got, size)
	}
	speed(r, size, begun)
	return nil
}

// download reads one large body.
func download(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	size := int64(l.opt.SizeMiB) << 20
	begun := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/large/%d", l.site, size), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 256<<10))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes of %d came", n, size)
	}
	speed(r, size, begun)
	return err
}

func speed(r *LimitsReport, size int64, begun time.Time) {
	r.note("%d MiB in %.1f s", size>>20, time.Since(begun).Seconds())
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// silentServer asks a server that reads and never answers.
func silentServer(ctx context.Context, l *limitsLab, _ *LimitsReport) error {
	return l.each(ctx, l.opt.Clients, func(_ context.Context, _ int, c net.Conn) error {
		if _, err := io.WriteString(c, "GET /never HTTP/1.1\r\nHost: drill.test\r\n\r\n"); err != nil {
			return err
		}
		return wantStatus(c, http.StatusGatewayTimeout)
	})
}

func judgeSilentServer(l *limitsLab, logged codes, r *LimitsReport) {
	if n := logged.with("504", "sH"); n != l.opt.Clients {
		r.fail("%d times 504 sH logged, want %d", n, l.opt.Clients)
	}
}

// spareDescriptors is how many the balancer may still open when the part begins.
const spareDescriptors = 40

// noDescriptors takes the balancer's descriptors away but for a few; more clients than
// that come, ask, and hold their connections. Some wait; when all leave, all is normal.
func noDescriptors(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	used, err := l.open()
	if err != nil {
		return err
	}
	before, err := l.descriptors(uint64(used + spareDescriptors))
	if err != nil {
		return err
	}
	defer func() { _, _ = l.descriptors(before) }()   // conclude says if it is gone
	if err := sleep(ctx, 2*time.Second); err != nil { // bascule looks once a second
		return err
	}
	var served atomic.Int64
	err = l.each(ctx, l.opt.Clients, func(ctx context.Context, _ int, c net.Conn) error {
		if _, err := io.WriteString(c, "GET /small HTTP/1.1\r\nHost: drill.test\r\n\r\n"); err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second)) // fails on no open connection
		err := wantStatus(c, http.StatusOK)
		if err == nil {
			served.Add(1)
			return sleep(ctx, 2*time.Second)
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil // it waited in the kernel's queue, as it must
		}
		return err
	})
	r.note("%d descriptors free, %d clients: %d served, the others waited", spareDescriptors, l.opt.Clients, served.Load())
	if n := served.Load(); err == nil && (n == 0 || l.opt.Clients > spareDescriptors && int(n) == l.opt.Clients) {
		err = fmt.Errorf("%d of %d clients were served: the limit was not felt, or nobody was", n, l.opt.Clients)
	}
	return err
}

func judgeNoDescriptors(_ *limitsLab, logged codes, r *LimitsReport) {
	for code, n := range logged {
		if strings.HasPrefix(code, "5") {
			r.fail("%d times %s logged: a missing descriptor is no server's fault", n, code)
		}
	}
}

// unreadLog makes more lines than the socket that nobody reads can hold, then reads it
// and sees lines come again.
func unreadLog(ctx context.Context, l *limitsLab, r *LimitsReport) error {
	before, err := l.dropped(ctx)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for range 2000 {
		if err := getSmall(ctx, client, l.url()); err != nil {
			return err
		}
	}
	after, err := l.dropped(ctx)
	if err != nil {
		return err
	}
	if after <= before {
		return fmt.Errorf("DroppedLogs stays %d although nobody reads one of the sockets", after)
	}
	r.note("DroppedLogs %d more", after-before)
	return l.readAgain(ctx, client)
}

// readAgain empties the socket and waits for a line that is new.
func (l *limitsLab) readAgain(ctx context.Context, client *http.Client) error {
	buffer := make([]byte, 64<<10)
	drain := func(wait time.Duration) (n int) {
		_ = l.unread.SetReadDeadline(time.Now().Add(wait)) // fails on no open socket
		for ctx.Err() == nil {
			if _, err := l.unread.Read(buffer); err != nil {
				return n
			}
			n++
		}
		return n
	}
	drain(100 * time.Millisecond) // what was there, and some of what came meanwhile
	for range 50 {
		if err := getSmall(ctx, client, l.url()); err != nil {
			return err
		}
		if drain(100*time.Millisecond) > 0 {
			return nil
		}
	}
	return errors.New("no line comes to the log socket although it is read again")
}

// dropped is DroppedLogs of show info.
func (l *limitsLab) dropped(ctx context.Context) (int64, error) {
	text, err := l.runtime.Do(ctx, "show info")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "DroppedLogs: "); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, errors.New("show info has no DroppedLogs")
}
