package handover

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/lang"
)

// write puts a file into a directory.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// texts are the problems' texts.
func texts(p *lang.Problems) []string {
	var list []string
	for _, q := range p.List {
		list = append(list, q.Text)
	}
	return list
}

// TestAWorldLoadsTheSameConfiguration reads a configuration from a directory,
// with names, users and an error file, passes what it was made from through a
// memory file, and loads it once more after all of that is gone.
func TestAWorldLoadsTheSameConfiguration(t *testing.T) {
	dir := t.TempDir()
	confs := filepath.Join(dir, "conf.d")
	if err := os.Mkdir(confs, 0o700); err != nil {
		t.Fatal(err)
	}
	page := write(t, dir, "503.http", "HTTP/1.0 503 Busy\r\nContent-Type: text/plain\r\n\r\nbusy\n")
	write(t, confs, "1.cfg", "global\n  user somebody\n  group some\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n  errorfile 503 "+page+"\n")
	write(t, confs, "2.cfg", "listen fe\n  bind 127.0.0.1:80\n  server a server.example:8080\n  server b nowhere.example:8080 init-addr libc,none\n")
	write(t, confs, "notes.txt", "nothing of this is read\n")
	env := config.System()
	env.Hostname = "here"
	env.LookupHost = func(_ context.Context, name string) ([]netip.Addr, error) {
		if name == "server.example" {
			return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
		}
		return nil, errors.New("no such name")
	}
	env.LookupUser = func(string) (int, int, error) { return 1234, 5, nil }
	env.LookupGroup = func(string) (int, error) { return 99, nil }

	recording, world := Record(env)
	first, problems := config.Load([]string{confs}, recording)
	if first == nil {
		t.Fatalf("it is refused: %q", texts(problems))
	}
	f, err := world.Give()
	if err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	copied, err := Take(dup(t, fd))
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	nothing := config.Env{
		LookupHost:  func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("asked outside") },
		LookupUser:  func(string) (int, int, error) { return 0, 0, errors.New("asked outside") },
		LookupGroup: func(string) (int, error) { return 0, errors.New("asked outside") },
	}
	second, problems := config.Load([]string{confs}, copied.Env(nothing))
	if second == nil {
		t.Fatalf("the copy is refused: %q", texts(problems))
	}
	if g := second.Global; g.UID != 1234 || g.GID != 99 || g.Node != first.Global.Node {
		t.Errorf("user %d, group %d, node %s", g.UID, g.GID, g.Node)
	}
	px := second.Proxies[0]
	if got := px.Servers[0].Addr.IP; got != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("server a is at %s", got)
	}
	if px.Servers[1].Addr.IP.IsValid() {
		t.Errorf("server b is at %s", px.Servers[1].Addr.IP)
	}
	if a := px.Errors[503]; a == nil || string(a.Body) != "busy\n" {
		t.Errorf("the error file is %+v", a)
	}
}

func TestAWorldFailsAsTheFirstTimeDid(t *testing.T) {
	recording, world := Record(config.System())
	_, first := config.Load([]string{"/nonexistent/x.cfg"}, recording)
	_, second := config.Load([]string{"/nonexistent/x.cfg"}, world.Env(config.System()))
	want, got := texts(first), texts(second)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := world.Env(config.System()).ReadFile("/etc/hostname"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was not read before gives %v", err)
	}
}

func TestTakeRefusesWhatGiveDidNotWrite(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("something else"); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(dup(t, int(f.Fd()))); err == nil {
		t.Error("it is taken")
	}
}

// TestAnErrorIsTheSameOneAfterwards: that a file is missing is no fault where it is
// one that may be there or not, such as the OCSP response of a certificate.
func TestAnErrorIsTheSameOneAfterwards(t *testing.T) {
	for _, met := range []error{unix.ENOENT, unix.EACCES, fs.ErrNotExist, errors.New("no such name")} {
		env := config.System()
		env.ReadFile = func(name string) ([]byte, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: met} }
		env.Stat = func(name string) (fs.FileInfo, error) { return nil, &fs.PathError{Op: "stat", Path: name, Err: met} }
		recording, world := Record(env)
		_, _ = recording.ReadFile("f")
		_, _ = recording.Stat("f")
		given, err := world.Give()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Dup(int(given.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		_ = given.Close()
		taken, err := Take(fd)
		if err != nil {
			t.Fatal(err)
		}
		env = taken.Env(config.System())
		_, read := env.ReadFile("f")
		_, stat := env.Stat("f")
		for _, got := range []error{read, stat} {
			for _, asked := range []error{fs.ErrNotExist, fs.ErrPermission} {
				if errors.Is(got, asked) != errors.Is(met, asked) {
					t.Errorf("%v became %v: errors.Is %v is %v", met, got, asked, errors.Is(got, asked))
				}
			}
			if p := (*fs.PathError)(nil); !errors.As(got, &p) || p.Err.Error() != met.Error() {
				t.Errorf("%v became %v", met, got)
			}
		}
	}
}
