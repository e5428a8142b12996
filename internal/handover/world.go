package handover

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
)

// A World is everything outside the process that a configuration was made
// from: the files' contents, directories, addresses of names, users. One
// process records it, another that may see nothing of it loads the same
// configuration from it.
type World struct {
	Files    map[string]File
	Infos    map[string]Info
	Dirs     map[string][]Info
	Hosts    map[string]Lookup
	Users    map[string]User
	Groups   map[string]User
	Hostname string

	mu sync.Mutex // guards the maps while recording
}

// A File is what reading it gave.
type File struct {
	Data    []byte
	Failure string // "": none
}

// An Info is one file's name and kind.
type Info struct {
	Base    string
	Dir     bool
	Failure string
}

// A Lookup is what resolving a name gave.
type Lookup struct {
	Addrs   []netip.Addr
	Failure string
}

// A User is a user or group by number.
type User struct {
	UID, GID int
	Failure  string
}

// Record returns an Env like env that remembers what it was asked.
func Record(env config.Env) (config.Env, *World) {
	w := &World{
		Files: map[string]File{}, Infos: map[string]Info{}, Dirs: map[string][]Info{},
		Hosts: map[string]Lookup{}, Users: map[string]User{}, Groups: map[string]User{}, Hostname: env.Hostname,
	}
	under := env
	env.ReadFile = func(name string) ([]byte, error) {
		data, err := under.ReadFile(name)
		w.mu.Lock()
		w.Files[name] = File{Data: data, Failure: failure(err)}
		w.mu.Unlock()
		return data, err
	}
	env.Stat = func(name string) (os.FileInfo, error) {
		info, err := under.Stat(name)
		w.mu.Lock()
		w.Infos[name] = infoOf(info, err)
		w.mu.Unlock()
		return info, err
	}
	env.ReadDir = func(name string) ([]os.DirEntry, error) {
		entries, err := under.ReadDir(name)
		list := []Info{}
		for _, e := range entries {
			list = append(list, Info{Base: e.Name(), Dir: e.IsDir()})
		}
		w.mu.Lock()
		w.Dirs[name] = list
		w.mu.Unlock()
		return entries, err
	}
	env.LookupHost = func(ctx context.Context, name string) ([]netip.Addr, error) {
		addrs, err := under.LookupHost(ctx, name)
		w.mu.Lock()
		w.Hosts[name] = Lookup{Addrs: addrs, Failure: failure(err)}
		w.mu.Unlock()
		return addrs, err
	}
	recordUsers(&env, under, w)
	return env, w
}

func recordUsers(env *config.Env, under config.Env, w *World) {
	env.LookupUser = func(name string) (int, int, error) {
		uid, gid, err := under.LookupUser(name)
		w.mu.Lock()
		w.Users[name] = User{UID: uid, GID: gid, Failure: failure(err)}
		w.mu.Unlock()
		return uid, gid, err
	}
	env.LookupGroup = func(name string) (int, error) {
		gid, err := under.LookupGroup(name)
		w.mu.Lock()
		w.Groups[name] = User{GID: gid, Failure: failure(err)}
		w.mu.Unlock()
		return gid, err
	}
}

// Env returns an Env like env that answers from w alone.
func (w *World) Env(env config.Env) config.Env {
	env.Hostname = w.Hostname
	env.ReadFile = func(name string) ([]byte, error) {
		f, ok := w.Files[name]
		if !ok {
			return nil, missing("open", name)
		}
		return f.Data, f.err("open", name)
	}
	env.Stat = func(name string) (os.FileInfo, error) {
		i, ok := w.Infos[name]
		if !ok {
			return nil, missing("stat", name)
		}
		if i.Failure != "" {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: replay(i.Failure)}
		}
		return i, nil
	}
	env.ReadDir = func(name string) ([]os.DirEntry, error) {
		var entries []os.DirEntry
		for _, i := range w.Dirs[name] {
			entries = append(entries, i)
		}
		return entries, nil
	}
	env.LookupHost = func(_ context.Context, name string) ([]netip.Addr, error) {
		l, ok := w.Hosts[name]
		if !ok {
			return nil, fmt.Errorf("%s was not resolved before", name)
		}
		return l.Addrs, replay(l.Failure)
	}
	env.LookupUser = func(name string) (int, int, error) {
		u := w.Users[name]
		return u.UID, u.GID, replay(u.Failure)
	}
	env.LookupGroup = func(name string) (int, error) {
		u := w.Groups[name]
		return u.GID, replay(u.Failure)
	}
	return env
}

// Give writes w to a memory file that can be passed to another process, whose
// Take reads it. The caller closes it.
func (w *World) Give() (*os.File, error) {
	fd, err := unix.MemfdCreate("bascule-configuration", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("handover: memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "configuration")
	if err := gob.NewEncoder(f).Encode(w); err != nil {
		f.Close()
		return nil, fmt.Errorf("handover: configuration: %w", err)
	}
	return f, nil
}

// Take reads what Give wrote. fd is closed.
func Take(fd int) (*World, error) {
	f := os.NewFile(uintptr(fd), "configuration")
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("handover: configuration: %w", err)
	}
	w := &World{}
	if err := gob.NewDecoder(f).Decode(w); err != nil {
		return nil, fmt.Errorf("handover: configuration: %w", err)
	}
	return w, nil
}

func (f File) err(op, name string) error {
	if f.Failure == "" {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: replay(f.Failure)}
}

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// failure is the innermost error as text: what the language's messages show.
func failure(err error) string {
	if err == nil {
		return ""
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// A replayed error reads as the one that was met, and is what that was: whoever can
// do without a file asks whether it was missing.
type replayed string

func replay(text string) error {
	if text == "" {
		return nil
	}
	return replayed(text)
}

func (r replayed) Error() string { return string(r) }

// Is see errors.Is.
func (r replayed) Is(target error) bool {
	for _, met := range []error{unix.ENOENT, unix.EACCES, unix.EPERM, fs.ErrNotExist, fs.ErrPermission} {
		if met.Error() == string(r) && errors.Is(met, target) {
			return true
		}
	}
	return false
}

func infoOf(info os.FileInfo, err error) Info {
	if err != nil {
		return Info{Failure: failure(err)}
	}
	return Info{Base: info.Name(), Dir: info.IsDir()}
}

// The methods of fs.FileInfo and fs.DirEntry.

// Name is the last part of the path.
func (i Info) Name() string { return i.Base }

// IsDir says whether it is a directory.
func (i Info) IsDir() bool { return i.Dir }

// Size is not recorded.
func (i Info) Size() int64 { return 0 }

// Mode tells directories from files, nothing else.
func (i Info) Mode() fs.FileMode { return i.Type() }

// Type is the same as Mode.
func (i Info) Type() fs.FileMode {
	if i.Dir {
		return fs.ModeDir
	}
	return 0
}

// ModTime is not recorded.
func (i Info) ModTime() time.Time { return time.Time{} }

// Sys is nil.
func (i Info) Sys() any { return nil }

// Info is i itself.
func (i Info) Info() (fs.FileInfo, error) { return i, nil }
