package engine

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
)

// firstOffered is SD_LISTEN_FDS_START: sockets of a .socket unit are the
// descriptors from here on.
const firstOffered = 3

// Offered are the listening sockets that systemd opened for this process by a
// .socket unit (sd_listen_fds(3)). A bind or runtime socket that names the same
// address takes one over. They stay open until the process stops, so that a reload
// may drop a bind and another bring it back.
type Offered []offered

type offered struct {
	fd   int
	at   string // see place
	name string // as shown
}

// OfferedSockets reads LISTEN_FDS, if it is meant for this process.
func OfferedSockets() Offered {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return nil
	}
	var list Offered
	for fd := firstOffered; fd < firstOffered+n; fd++ {
		unix.CloseOnExec(fd)
		list = append(list, offeredAt(fd))
	}
	return list
}

// offeredAt looks where a descriptor listens; with at "" nowhere that a bind could name.
func offeredAt(fd int) offered {
	o := offered{fd: fd, name: fmt.Sprintf("descriptor %d", fd)}
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return o
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return o
	}
	iface, _ := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE) // "": to none
	switch sa := sa.(type) {
	case *unix.SockaddrUnix:
		o.at, o.name = place(&config.Address{Kind: config.AddrUnix, Path: sa.Name}, ""), sa.Name
	case *unix.SockaddrInet4:
		a := netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
		o.at, o.name = place(&config.Address{IP: a.Addr(), Port: sa.Port}, iface), a.String()
	case *unix.SockaddrInet6:
		a := netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
		only, _ := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY) // an IPv6 socket has it
		o.at, o.name = place(&config.Address{IP: a.Addr(), Port: sa.Port, V4V6: only == 0}, iface), a.String()
		if only == 0 && a.Addr().IsUnspecified() {
			o.name += " v4v6"
		}
	}
	return o
}

// place is what an offered socket and a bind have in common if they mean the same;
// "" for what is not offered: descriptors by number, and names in the abstract space,
// which HAProxy fills up and systemd does not.
func place(a *config.Address, iface string) string {
	switch a.Kind {
	case config.AddrUnix:
		return "unix/" + a.Path
	case config.AddrFD, config.AddrAbns:
		return ""
	}
	ip := a.IP
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	// IPV6_V6ONLY means something on the address of all interfaces only.
	return fmt.Sprintf("tcp/%s/%d/%t/%s", ip, a.Port, a.V4V6 && ip.IsUnspecified() && ip.Is6(), iface)
}

// For gives copies of the offered sockets that cfg asks for and have lacks.
func (o Offered) For(cfg *config.Config, have Sockets) Sockets {
	s := Sockets{}
	if len(o) == 0 {
		return s
	}
	taken := map[int]bool{}
	for _, w := range wants(cfg) {
		i := o.find(w.bind, taken)
		if i < 0 {
			continue
		}
		taken[i] = true
		if have[w.key] == nil {
			if fd := o.copy(i); fd >= 0 {
				s[w.key] = []int{fd}
			}
		}
	}
	return s
}

// Take gives a copy of the offered socket of one bind; nil if there is none.
func (o Offered) Take(b *config.Bind) []int {
	if i := o.find(b, nil); i >= 0 {
		if fd := o.copy(i); fd >= 0 {
			return []int{fd}
		}
	}
	return nil
}

func (o Offered) find(b *config.Bind, taken map[int]bool) int {
	at := place(&b.Addr, b.Iface)
	for i := range o {
		if at != "" && o[i].at == at && !taken[i] {
			return i
		}
	}
	return -1
}

// copy is -1 where descriptors have run out: then the bind's own attempt tells.
func (o Offered) copy(i int) int {
	fd, err := unix.FcntlInt(uintptr(o[i].fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// Close closes all of them: a process that is stopping and listens no more must not
// keep clients in a queue, who wait for another process at the same address.
func (o Offered) Close() {
	for i := range o {
		unix.Close(o[i].fd)
	}
}

// Unclaimed are the offered sockets, by address, that neither cfg nor extra names:
// clients connect to them and wait for nobody.
func (o Offered) Unclaimed(cfg *config.Config, extra ...*config.Bind) []string {
	taken := map[int]bool{}
	claim := func(b *config.Bind) {
		if i := o.find(b, taken); i >= 0 {
			taken[i] = true
		}
		for i := range o {
			taken[i] = taken[i] || b.Addr.Kind == config.AddrFD && b.Addr.FD == o[i].fd
		}
	}
	for _, w := range wants(cfg) {
		claim(w.bind)
	}
	for _, b := range extra {
		claim(b)
	}
	var list []string
	for i := range o {
		if !taken[i] {
			list = append(list, o[i].name)
		}
	}
	return list
}

// Without removes the offered descriptors from a list of inherited ones.
func (o Offered) Without(fds []int) []int {
	var rest []int
	for _, fd := range fds {
		if fd < firstOffered || fd >= firstOffered+len(o) {
			rest = append(rest, fd)
		}
	}
	return rest
}

// UnclaimedText is the warning about one of Unclaimed.
func UnclaimedText(name string) string {
	return fmt.Sprintf("systemd listens at %s for this process, but no bind names that address: clients wait there in vain", name)
}
