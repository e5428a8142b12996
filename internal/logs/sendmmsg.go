package logs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// messages is the memory of sendmmsg(2), which sends many datagrams by one
// call. The kernel's struct mmsghdr is a msghdr and the count of bytes sent.
type messages struct {
	headers [batchLines]struct {
		unix.Msghdr
		sent uint32
	}
	vectors [batchLines]unix.Iovec
}

// send sends the lines of batch from number first on and says how many were
// taken; err is about the line behind those.
func (m *messages) send(fd int, batch []byte, ends []int, first int) (n int, err error) {
	from := 0
	if first > 0 {
		from = ends[first-1]
	}
	count := len(ends) - first
	for i := range count {
		end := ends[first+i]
		m.vectors[i].Base = &batch[from]
		m.vectors[i].SetLen(end - from)
		m.headers[i].Iov = &m.vectors[i]
		m.headers[i].SetIovlen(1)
		from = end
	}
	r, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.headers)),
		uintptr(count), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
