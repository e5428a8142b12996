package config

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"
)

// An Env is everything outside the files that a configuration depends on. It is
// passed in, so that tests and `-cc` decide what the world looks like.
type Env struct {
	Getenv      func(string) (string, bool)
	Features    func(string) bool            // predicate feature(), HAProxy's names without + or -
	Enabled     func(string) bool            // predicate enabled(): switches of -dX; nil: none
	ReadFile    func(string) ([]byte, error) // error files, lists
	Stat        func(string) (os.FileInfo, error)
	ReadDir     func(string) ([]os.DirEntry, error)
	Hostname    string
	LocalPeer   string // -L, as HAPROXY_LOCALPEER; "": Hostname
	Master      bool   // -W, -Ws: HAPROXY_MWORKER is set
	LookupHost  func(ctx context.Context, name string) ([]netip.Addr, error)
	LookupUser  func(name string) (uid, gid int, err error)
	LookupGroup func(name string) (gid int, err error)
	Version     string             // what version_atleast() compares with; "": Version
	Diagnose    bool               // -dD: .diag is said
	Descriptor  func(fd int) error // what is wrong with an inherited socket; nil: it is not looked at
	// States is "show servers state" of the process before, StatesAge ago; it counts in
	// place of all state files. "": there was none.
	States    string
	StatesAge time.Duration
	Last      func(backend, server string) (netip.Addr, bool) // init-addr last; nil: none known
}

// Version is the HAProxy version that bascule answers as.
const Version = "3.2.0"

// features are the names of `haproxy -vv` that are true here. BASCULE is true
// nowhere else, so that `.if feature(BASCULE)` hides our own keywords.
var features = map[string]bool{
	"BASCULE": true, "EPOLL": true, "THREAD": true, "NETFILTER": false, "LINUX_SPLICE": true,
	"TFO": true, "NS": false, "GETADDRINFO": true, "CRYPT_H": false, "BACKTRACE": true, "CPU_AFFINITY": true,
	"ACCEPT4": true, "PRCTL": true, "POLL": true, "OPENSSL": true, "SYSTEMD": true, "SHM_OPEN": false, "TPROXY": false,
}

// Features lists HAProxy's feature names with what is true of bascule.
func Features() map[string]bool {
	all := make(map[string]bool, len(features))
	for name, has := range features {
		all[name] = has
	}
	for _, name := range missingFeatures {
		all[name] = false
	}
	return all
}

// missingFeatures are names of HAProxy's list for what bascule does not have.
var missingFeatures = []string{
	"51DEGREES", "CLOSEFROM", "DEVICEATLAS", "ENGINE", "EVPORTS", "KQUEUE", "LIBATOMIC", "LIBCRYPT", "LUA",
	"MEMORY_PROFILING", "OBSOLETE_LINKER", "OPENSSL_AWSLC", "OPENSSL_WOLFSSL", "OT", "PCRE", "PCRE2", "PCRE2_JIT",
	"PCRE_JIT", "PROCCTL", "PROMEX", "PTHREAD_EMULATION", "QUIC", "QUIC_OPENSSL_COMPAT", "RT", "SLZ", "SSL",
	"STATIC_PCRE", "STATIC_PCRE2", "WURFL", "ZLIB",
}

// System is the Env of the running process.
func System() Env {
	name, _ := os.Hostname()
	return Env{
		Getenv:   os.LookupEnv,
		Features: func(name string) bool { return features[name] },
		ReadFile: os.ReadFile,
		Stat:     os.Stat,
		ReadDir:  os.ReadDir,
		Hostname: name,
		LookupHost: func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		},
		LookupUser:  lookupUser,
		LookupGroup: lookupGroup,
	}
}

// fill gives every field that is nil what System has there.
func (e Env) fill() Env {
	sys := System()
	if e.Getenv == nil {
		e.Getenv = sys.Getenv
	}
	if e.Features == nil {
		e.Features = sys.Features
	}
	if e.Enabled == nil {
		e.Enabled = func(string) bool { return false }
	}
	if e.ReadFile == nil {
		e.ReadFile = sys.ReadFile
	}
	if e.Stat == nil {
		e.Stat = sys.Stat
	}
	if e.ReadDir == nil {
		e.ReadDir = sys.ReadDir
	}
	if e.Hostname == "" {
		e.Hostname = sys.Hostname
	}
	if e.LocalPeer == "" {
		e.LocalPeer = e.Hostname
	}
	if e.LookupHost == nil {
		e.LookupHost = sys.LookupHost
	}
	if e.LookupUser == nil {
		e.LookupUser = sys.LookupUser
	}
	if e.LookupGroup == nil {
		e.LookupGroup = sys.LookupGroup
	}
	if e.Version == "" {
		e.Version = Version
	}
	return e
}

func lookupUser(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

func lookupGroup(name string) (gid int, err error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

// majorMinor is the first two numbers of a version.
func majorMinor(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}
