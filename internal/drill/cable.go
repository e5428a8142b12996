package drill

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// cable joins a network namespace, in which a server runs, with this one: a pair of
// virtual devices. A cut one lets every packet vanish in both directions, so that TCP
// sees silence. The kernel removes all of it when the last descriptor and process of
// the namespace are gone, also after a kill -9 of the drill.
type cable struct {
	here, there string   // addresses; the server listens on there
	device      string   // this end
	space       *os.File // the network namespace
}

// Addresses of cables come from 198.18.0.0/15, which is set aside for tests of network
// devices (RFC 2544), four to each.
const cableTries = 20

// cablesPossible says why there can be no cables; nil: there can.
func cablesPossible() error {
	if os.Geteuid() != 0 {
		return errors.New("cutting a cable needs root, for a network namespace")
	}
	if _, err := findIP(); err != nil {
		return fmt.Errorf("cutting a cable needs the command ip: %w", err)
	}
	return nil
}

func findIP() (string, error) {
	if path, err := exec.LookPath("ip"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/ip")
}

// layCable makes a namespace and joins it.
func layCable() (c *cable, err error) {
	if err := cablesPossible(); err != nil {
		return nil, err
	}
	c = &cable{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cable: %w", errors.Join(err, c.remove()))
		}
	}()
	if c.space, err = newSpace(); err != nil {
		return c, err
	}
	for range cableTries {
		n := rand.IntN(1<<15) << 2 // of the 2^17 addresses
		c.here, c.there = cableAddr(n+1), cableAddr(n+2)
		c.device = fmt.Sprintf("bsc%x", n)
		if !isFree(net.JoinHostPort(c.here, "0")) { // nobody has it
			break
		}
	}
	far := c.device + "p"
	if err := ip("link", "add", c.device, "type", "veth", "peer", "name", far,
		"netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.space.Fd())); err != nil {
		return c, err
	}
	if err := ip("addr", "add", c.here+"/30", "dev", c.device); err != nil {
		return c, err
	}
	if err := ip("link", "set", c.device, "up"); err != nil {
		return c, err
	}
	return c, c.inside(func() error {
		for _, args := range [][]string{
			{"link", "set", "lo", "up"},
			{"addr", "add", c.there + "/30", "dev", far},
			{"link", "set", far, "up"},
		} {
			if err := ip(args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func cableAddr(n int) string { return net.IPv4(198, byte(18+n>>16), byte(n>>8), byte(n)).String() }

// cut makes the namespace drop what it sends and what it gets. The entry of the
// neighbour is made permanent before: a lost one would be answered with "no route to
// host", which is an answer.
func (c *cable) cut() error {
	if err := keepNeighbour(c.device, c.there); err != nil {
		return err
	}
	return c.inside(func() error {
		if err := ip("route", "replace", "blackhole", c.here+"/32"); err != nil {
			return err
		}
		return ip("route", "replace", "blackhole", c.there+"/32", "table", "local")
	})
}

// join ends a cut; one that is whole stays so.
func (c *cable) join() error {
	return c.inside(func() error {
		err := ip("route", "replace", "local", c.there+"/32", "dev", c.device+"p",
			"table", "local", "proto", "kernel", "scope", "host", "src", c.there)
		if gone := ip("route", "del", "blackhole", c.here+"/32"); gone != nil && !strings.Contains(gone.Error(), "No such process") {
			err = errors.Join(err, gone)
		}
		return err
	})
}

// keepNeighbour makes the entry of addr permanent, if it is known.
func keepNeighbour(device, addr string) error {
	text, err := ipSays("neigh", "show", addr, "dev", device)
	if err != nil {
		return err
	}
	words := strings.Fields(text) // "ADDR lladdr MAC STATE"
	for i, word := range words {
		if word == "lladdr" && i+1 < len(words) {
			return ip("neigh", "replace", addr, "lladdr", words[i+1], "dev", device, "nud", "permanent")
		}
	}
	return fmt.Errorf("%s is not known on %s", addr, device)
}

func (c *cable) remove() error {
	if c.space == nil {
		return nil
	}
	// The device would go with the namespace, a moment later.
	_ = ip("link", "del", c.device) // not there when laying failed
	return c.space.Close()
}

// inside runs do on a thread within the namespace.
func (c *cable) inside(do func() error) error {
	done := make(chan error)
	// Ends with do.
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(c.space.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// newSpace makes a network namespace that lives as long as its file.
func newSpace() (space *os.File, err error) {
	done := make(chan struct{})
	// Ends when the namespace is made.
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		space, err = os.Open("/proc/thread-self/ns/net")
	}()
	<-done
	return space, err
}

func ip(args ...string) error {
	_, err := ipSays(args...)
	return err
}

func ipSays(args ...string) (string, error) {
	path, err := findIP()
	if err != nil {
		return "", err
	}
	var out, said bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out.String(), nil
}

// inSpace runs start with the thread's network namespace changed to space. The caller
// has locked the thread.
func inSpace(space *os.File, start func() error) error {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = start()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// All that this thread starts later would be in the wrong network.
		panic(fmt.Sprintf("drill: no way back to the own network namespace: %v", back))
	}
	return err
}
