package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"bascule/test/loopback"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fleet" { // started as a server by a test
		os.Exit(Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// onEachRedis runs a test against the embedded Redis and against a real one.
func onEachRedis(t *testing.T, test func(t *testing.T, redisAddr string)) {
	t.Run("embedded", func(t *testing.T) { test(t, miniredis.RunT(t).Addr()) })
	t.Run("redis-server", func(t *testing.T) { test(t, realRedis(t)) })
}

func realRedis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is needed: %v", err)
	}
	addr := loopback.Address() + ":8000"
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, "--port", port, "--bind", host, "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	within(t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr
}

// within polls until done, a minute at most.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-limit.C:
			t.Fatalf("not within a minute: %s", what)
		case <-poll.C:
		}
	}
}

type testAPI struct {
	*API
	url string
}

// startAPI gives a server that hears the others, if its Redis is there: until then it
// keeps no copy of a session for long.
func startAPI(t *testing.T, name, redisAddr string) testAPI {
	t.Helper()
	api := NewAPI(name, redisAddr, slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(named(name, api))
	t.Cleanup(func() { srv.Close(); api.Close() })
	if conn, err := net.Dial("tcp", redisAddr); err == nil {
		conn.Close()
		within(t, "it hears the other servers", api.hears.Load)
	}
	return testAPI{api, srv.URL}
}

// call sends a request with a session and returns the status and the body.
func call(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

func login(t *testing.T, api testAPI, user string) string {
	t.Helper()
	status, body := call(t, "POST", api.url+"/api/v1/login", "", `{"user":"`+user+`"}`)
	var reply struct{ Token string }
	if status != 200 || json.Unmarshal([]byte(body), &reply) != nil || reply.Token == "" {
		t.Fatalf("login: %d %s", status, body)
	}
	return reply.Token
}

// enter opens the chat and returns the connection behind its hello.
func enter(t *testing.T, api testAPI, token, query string) (*websocket.Conn, Frame) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), api.url+"/api/v1/rooms/hall/chat?"+query,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn, next(t, conn, FrameHello)
}

// next reads frames until one of the wanted type.
func next(t *testing.T, conn *websocket.Conn, want string) Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for a %s: %v", want, err)
		}
		var frame Frame
		if err := json.Unmarshal(data, &frame); err != nil {
			t.Fatal(err)
		}
		if frame.Type == want {
			return frame
		}
		if frame.Type == FrameError {
			t.Fatalf("waiting for a %s: %s", want, frame.Error)
		}
	}
}

func say(t *testing.T, conn *websocket.Conn, number int64, text string) {
	t.Helper()
	data, err := json.Marshal(Frame{Type: FrameSay, Number: number, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, data); err != nil {
		t.Fatal(err)
	}
}

func TestLoginIsFoundWithoutRedisWhereItWasMade(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one, two := startAPI(t, "one", redisAddr), startAPI(t, "two", redisAddr)
		token := login(t, one, "ann")
		if _, hello := enter(t, one, token, "client=a"); hello.Auth != authLocal || hello.Server != "one" {
			t.Errorf("where she logged in: %+v, want auth local on one", hello)
		}
		if _, hello := enter(t, two, token, "client=b"); hello.Auth != authRedis || hello.Server != "two" {
			t.Errorf("elsewhere: %+v, want auth redis on two", hello)
		}
		if local, redis := one.counts.upgradesLocal.Load(), one.counts.upgradesRedis.Load(); local != 1 || redis != 0 {
			t.Errorf("one counted %d local and %d redis, want 1 and 0", local, redis)
		}
		if local, redis := two.counts.upgradesLocal.Load(), two.counts.upgradesRedis.Load(); local != 0 || redis != 1 {
			t.Errorf("two counted %d local and %d redis, want 0 and 1", local, redis)
		}
	})
}

func TestLocalLoginNeedsNoRoundTrip(t *testing.T) {
	one := startAPI(t, "one", miniredis.RunT(t).Addr())
	token := login(t, one, "ann")
	before := one.store.trips.Load()
	if status, body := call(t, "GET", one.url+"/api/v1/me", token, ""); status != 200 {
		t.Fatalf("me: %d %s", status, body)
	}
	if trips := one.store.trips.Load() - before; trips != 0 {
		t.Errorf("%d round trips to Redis, want 0", trips)
	}
}

func TestLogoutEndsTheSessionOnEveryServer(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one, two := startAPI(t, "one", redisAddr), startAPI(t, "two", redisAddr)
		token := login(t, one, "ann")
		if status, body := call(t, "POST", two.url+"/api/v1/logout", token, ""); status != 204 {
			t.Fatalf("logout: %d %s", status, body)
		}
		within(t, "the copy on the other server is gone", func() bool {
			status, _ := call(t, "GET", one.url+"/api/v1/me", token, "")
			return status == 401
		})
	})
}

func TestMessageReachesMembersOnTheOtherServer(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one, two := startAPI(t, "one", redisAddr), startAPI(t, "two", redisAddr)
		ann, _ := enter(t, one, login(t, one, "ann"), "client=a")
		bob, _ := enter(t, two, login(t, two, "bob"), "client=b")
		say(t, ann, 1, "hello")
		if ack := next(t, ann, FrameAck); ack.Number != 1 || ack.Again {
			t.Errorf("ack %+v, want number 1, not again", ack)
		}
		got := *next(t, bob, FrameMessage).Message
		want := Message{Position: 1, User: "ann", Client: "a", Number: 1, Text: "hello", Server: "one"}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestAcknowledgedMessageIsInRedis(t *testing.T) {
	one := startAPI(t, "one", realRedis(t))
	ann, _ := enter(t, one, login(t, one, "ann"), "client=a")
	for number := range int64(20) {
		say(t, ann, number+1, "hello")
		next(t, ann, FrameAck)
		if length := one.store.rdb.LLen(t.Context(), roomKey("hall")).Val(); length != number+1 {
			t.Fatalf("behind the ack of %d Redis has %d messages", number+1, length)
		}
	}
}

func TestNumberSentAgainIsStoredOnce(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one, two := startAPI(t, "one", redisAddr), startAPI(t, "two", redisAddr)
		token := login(t, one, "ann")
		first, _ := enter(t, one, token, "client=a")
		say(t, first, 1, "once")
		next(t, first, FrameAck)
		first.CloseNow()

		again, hello := enter(t, two, token, "client=a&after=0")
		if hello.Number != 1 || hello.Position != 1 {
			t.Errorf("hello %+v, want number 1 and position 1", hello)
		}
		say(t, again, 1, "once")
		if ack := next(t, again, FrameAck); !ack.Again {
			t.Errorf("ack %+v, want again", ack)
		}
		say(t, again, 2, "twice")
		next(t, again, FrameAck)
		messages, err := two.store.since(t.Context(), "hall", 0)
		if err != nil || len(messages) != 2 || messages[0].Text != "once" || messages[1].Text != "twice" {
			t.Errorf("stored %+v, %v; want once, twice", messages, err)
		}
	})
}

func TestSkippedNumberIsRefused(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one := startAPI(t, "one", redisAddr)
		ann, _ := enter(t, one, login(t, one, "ann"), "client=a")
		say(t, ann, 1, "first")
		next(t, ann, FrameAck)
		say(t, ann, 3, "third")
		if gap := next(t, ann, FrameGap); gap.Number != 1 {
			t.Errorf("gap %+v, want number 1", gap)
		}
	})
}

func TestReaderGetsEachPositionOnceFromWhereItStands(t *testing.T) {
	const before, after = 700, 20 // more than one read and more than a server's tail
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one := startAPI(t, "one", redisAddr)
		token := login(t, one, "ann")
		for number := range int64(before) {
			what, _, err := one.store.say(t.Context(), "hall", Message{User: "ann", Client: "a", Number: number + 1})
			if what != saidStored || err != nil {
				t.Fatal(what, err)
			}
		}
		reader, _ := enter(t, one, token, "client=r&after=0")
		writer, _ := enter(t, one, token, "client=a")
		for number := range int64(after) {
			say(t, writer, before+number+1, "x")
		}
		for want := int64(1); want <= before+after; want++ {
			if got := next(t, reader, FrameMessage).Message.Position; got != want {
				t.Fatalf("position %d, want %d", got, want)
			}
		}
	})
}

func TestPresenceCountsMembersOfAllServers(t *testing.T) {
	onEachRedis(t, func(t *testing.T, redisAddr string) {
		one, two := startAPI(t, "one", redisAddr), startAPI(t, "two", redisAddr)
		token := login(t, one, "ann")
		ann, _ := enter(t, one, token, "client=a")
		bob, _ := enter(t, two, login(t, two, "bob"), "client=b")
		for next(t, ann, FramePresence).Online != 2 {
		}
		_, body := call(t, "GET", two.url+"/api/v1/rooms/hall/presence", token, "")
		if want := `{"online":2,"users":["ann","bob"]}`; body != want {
			t.Errorf("presence %s, want %s", body, want)
		}
		bob.Close(websocket.StatusNormalClosure, "")
		for next(t, ann, FramePresence).Online != 1 {
		}
	})
}

func TestPlayShowsHowOftenItWasExecuted(t *testing.T) {
	one := startAPI(t, "one", miniredis.RunT(t).Addr())
	token := login(t, one, "ann")
	for _, number := range []int{1, 2, 2} {
		if status, body := call(t, "POST", one.url+"/api/v1/plays", token,
			fmt.Sprintf(`{"track":"track-1","number":%d}`, number)); status != 201 {
			t.Fatalf("play: %d %s", status, body)
		}
	}
	_, body := call(t, "GET", one.url+"/api/v1/plays", token, "")
	if want := `{"executed":[1,2],"doubled":[2]}`; body != want {
		t.Errorf("plays %s, want %s", body, want)
	}
}

func TestRequestsAreAnsweredByTheRules(t *testing.T) {
	one := startAPI(t, "one", miniredis.RunT(t).Addr())
	token := login(t, one, "ann")
	for _, test := range []struct {
		name, method, path, token, body string
		status                          int
		want                            string
	}{
		{"health needs no session", "GET", "/api/v1/health", "", "", 200, `{"server":"one","status":"ok"}`},
		{"no session is refused", "GET", "/api/v1/me", "", "", 401, `{"error":"not logged in"}`},
		{"an unknown session is refused", "GET", "/api/v1/me", "x", "", 401, `{"error":"not logged in"}`},
		{"the chat needs a session", "GET", "/api/v1/rooms/hall/chat?client=a", "", "", 401, `{"error":"not logged in"}`},
		{"a user with a slash is refused", "POST", "/api/v1/login", "", `{"user":"a/b"}`, 400, ""},
		{"a room with a colon is refused", "GET", "/api/v1/rooms/a:b/chat?client=a", token, "", 400, ""},
		{"a body that is no JSON is refused", "POST", "/api/v1/plays", token, "x", 400, ""},
		{"a playlist is kept", "PUT", "/api/v1/playlists/p", token, `["track-1"]`, 204, ""},
		{"a kept playlist is given back", "GET", "/api/v1/playlists/p", token, "", 200, `["track-1"]`},
		{"an unknown playlist is not found", "GET", "/api/v1/playlists/q", token, "", 404, ""},
		{"a negative position is refused", "GET", "/api/v1/rooms/hall/messages?after=-1", token, "", 400, ""},
		{"an empty room has no messages", "GET", "/api/v1/rooms/hall/messages", token, "", 200, "[]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := call(t, test.method, one.url+test.path, test.token, test.body)
			if status != test.status || test.want != "" && body != test.want {
				t.Errorf("got %d %s, want %d %s", status, body, test.status, test.want)
			}
		})
	}
}

func TestWithoutRedisHealthAnswersAndLoginIsUnavailable(t *testing.T) {
	one := startAPI(t, "one", loopback.Address()+":8000")
	if status, _ := call(t, "GET", one.url+"/api/v1/health", "", ""); status != 200 {
		t.Errorf("health: %d, want 200", status)
	}
	if status, _ := call(t, "POST", one.url+"/api/v1/login", "", `{"user":"ann"}`); status != 503 {
		t.Errorf("login: %d, want 503", status)
	}
}

func TestServerWhoseRedisWentAwayBelievesNoCopyAndComesBack(t *testing.T) {
	redis := miniredis.RunT(t)
	one, two := startAPI(t, "one", redis.Addr()), startAPI(t, "two", redis.Addr())
	token := login(t, one, "ann")
	redis.Close()
	if status, body := call(t, "GET", one.url+"/api/v1/me", token, ""); status != 200 {
		t.Errorf("without Redis, where she logged in: %d %s, want 200", status, body)
	}
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	within(t, "the copy is gone: a logout may have been missed", func() bool { return one.sessions.localCount() == 0 })
	ann, hello := enter(t, one, token, "client=a")
	if hello.Auth != authRedis {
		t.Errorf("auth %s, want redis", hello.Auth)
	}
	bob, _ := enter(t, two, token, "client=b")
	say(t, ann, 1, "hello again")
	if got := next(t, bob, FrameMessage).Message.Text; got != "hello again" {
		t.Errorf("got %q, want hello again", got)
	}
}

// process starts a server of the fleet as its own process and returns it when it listens.
func process(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"fleet"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server said %q: %v", line, err)
	}
	return cmd, strings.TrimSpace(line[strings.LastIndex(line, " ")+1:])
}

func TestProcessStopsGracefullyAndStartsAgainOnItsAddress(t *testing.T) {
	redisAddr := miniredis.RunT(t).Addr()
	cmd, addr := process(t, "api", "--name", "one", "--addr", "127.0.0.1:0", "--redis", redisAddr)
	api := testAPI{url: "http://" + addr}
	conn, _ := enter(t, api, login(t, api, "ann"), "client=a")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, _, err = conn.Read(t.Context())
	}
	if got := websocket.CloseStatus(err); got != websocket.StatusServiceRestart {
		t.Errorf("WebSocket ended with %v, want Close 1012", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v, want exit 0", err)
	}
	if _, again := process(t, "api", "--name", "one", "--addr", addr, "--redis", redisAddr); again != addr {
		t.Errorf("started again on %s, want %s", again, addr)
	}
}

func TestMainRefusesWrongArguments(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no server", nil, "which server"},
		{"an unknown server", []string{"cook", "--name", "x"}, `unknown server "cook"`},
		{"no name", []string{"api"}, "--name is missing"},
		{"an unknown flag", []string{"api", "--nom", "x"}, "nom"},
		{"an argument too many", []string{"stream", "--name", "x", "y"}, "unexpected argument y"},
		{"authorities of clients without TLS", []string{"api", "--name", "x", "--client-ca", "ca.pem"}, "--client-ca goes with --tls"},
		{"a cache of nothing", []string{"stream", "--name", "x", "--cache", "0"}, "at least 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := Main(test.args, io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit %d, %q; want 2 with %q", code, stderr.String(), test.want)
			}
		})
	}
}

func TestMainFailsWhereItCannotListen(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var stderr bytes.Buffer
	if code := Main([]string{"stream", "--name", "x", "--addr", "192.0.2.1:1"}, io.Discard, &stderr); code != 1 {
		t.Errorf("exit %d, %q; want 1", code, stderr.String())
	}
}

func TestAServerThatEndsHoldsNoNewWebSocket(t *testing.T) {
	one := startAPI(t, "one", miniredis.RunT(t).Addr())
	if !one.hold() {
		t.Fatal("a server that runs does not hold")
	}
	closed := make(chan struct{})
	go func() { one.Close(); close(closed) }() // ends with the Done below
	<-one.ctx.Done()
	if one.hold() {
		t.Error("held while Close waits: its wait group may be used again too early")
	}
	one.done.Done()
	<-closed
}
