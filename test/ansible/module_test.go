//go:build !race

package ansible

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bascule/test/loopback"
)

// An answer is what the module says of an order.
type answer struct {
	Changed bool
	Msg     string
	Command []string   // what it sent, `show stat` and `show info` apart
	Output  []string   // and what came back
	Before  []standing `json:"state_before"`
	After   []standing `json:"state_after"`
}

// A standing is what the module read of a server in `show stat`.
type standing struct{ Status, Weight, Scur string }

// TestModuleOfCommunityGeneral has Ansible's own module steer a server behind each
// program. It holds a session, so that the drain has something to wait for.
func TestModuleOfCommunityGeneral(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := map[string]func(){}
	sockets := map[string]string{}
	for name, program := range map[string]string{"haproxy": haproxy(), "bascule": bascule(t)} {
		sockets[name] = filepath.Join(dir, name)
		release[name] = steered(t, program, sockets[name])
	}
	drained := make(chan error, len(sockets))
	for name, socket := range sockets {
		go func() { // ends within a minute
			for end := time.Now().Add(time.Minute); state(t, socket, "s1") != "DRAIN"; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					drained <- fmt.Errorf("%s: the module does not drain s1", name)
					return
				}
			}
			release[name]()
			drained <- nil
		}()
	}
	inventory := filepath.Join(dir, "inventory.yml")
	text := fmt.Sprintf("all:\n  vars: {ansible_connection: local, ansible_python_interpreter: /usr/bin/python3, answers: %s}\n"+
		"  hosts:\n    haproxy: {socket: %s}\n    bascule: {socket: %s}\n", dir, sockets["haproxy"], sockets["bascule"])
	if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := run(t, "testdata", nil, "ansible-playbook", "-i", inventory, "module.yml")
	for range sockets {
		if err := <-drained; err != nil {
			t.Error(err)
		}
	}
	theirs, ours := answers(t, filepath.Join(dir, "haproxy.json")), answers(t, filepath.Join(dir, "bascule.json"))
	if len(ours) != len(steering) || len(theirs) != len(steering) {
		t.Fatalf("%d answers, haproxy has %d, want %d\n%s", len(ours), len(theirs), len(steering), said)
	}
	for i, want := range steering {
		if got := ours[i]; got.Changed != want.changed || !reflect.DeepEqual(got.After, want.after) || got.Msg != want.msg {
			t.Errorf("order %d: got %+v, want %+v", i+1, got, want)
		}
		if !reflect.DeepEqual(ours[i], theirs[i]) {
			t.Errorf("order %d: got\n%+v\nhaproxy says\n%+v", i+1, ours[i], theirs[i])
		}
	}
}

// steering is what becomes of s1 with each order of module.yml.
var steering = []struct {
	changed bool
	after   []standing
	msg     string
}{
	{true, is("DRAIN", "20"), ""},
	{false, is("DRAIN", "20"), ""},
	{true, is("UP", "20"), ""},
	{false, is("UP", "20"), ""},
	{true, is("MAINT", "20"), ""},
	{false, is("MAINT", "20"), ""},
	{true, is("UP", "10"), ""},
	{true, is("UP", "5"), ""},
	{true, is("MAINT", "5"), ""},
	{true, append(is("UP", "5"), is("UP", "20")...), ""},
	{false, nil, "The specified backend 'app/nobody' was not found!"},
}

func is(status, weight string) []standing { return []standing{{status, weight, "0"}} }

func answers(t *testing.T, file string) (list []answer) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, a := range list {
		for _, s := range [][]standing{a.Before, a.After} {
			for i := range s {
				s[i].Status, _, _ = strings.Cut(s[i].Status, " ") // how far checks are, as in UP 1/3, depends on when it is read
			}
		}
	}
	return list
}

// steered starts a program in front of a server, which two backends have as s1, with one
// request on its way; release lets the server answer it.
func steered(t *testing.T, program, socket string) (release func()) {
	t.Helper()
	held, asked := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			close(asked)
			select {
			case <-held:
			case <-r.Context().Done(): // the test gives up
			}
		}
	}))
	t.Cleanup(s.Close)
	site := loopback.Address() + ":8080"
	// A check has a minute, so that a busy machine fells nobody.
	config := fmt.Sprintf("global\n    stats socket %s level admin\ndefaults\n    mode http\n    timeout connect 1m\n    timeout client 5m\n"+
		"    timeout server 5m\n    timeout check 1m\n    default-server check inter 1s weight 20\nfrontend f\n    bind %s\n"+
		"    default_backend app\nbackend app\n    server s1 %[3]s\nbackend other\n    server s1 %[3]s\n",
		socket, site, s.Listener.Addr())
	file := socket + ".cfg"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, program, "-f", file)
	becomes(t, socket, "s1", "UP")
	go func() { // ends with the program
		res, err := http.Get("http://" + site + "/hold")
		if err == nil {
			res.Body.Close()
		}
	}()
	<-asked
	return func() { close(held) }
}
