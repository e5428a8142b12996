// Package handover passes sockets and files to another process of bascule:
// from the master to its worker, whose privileges are gone.
package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxMessage is the largest message; long texts travel in a memory file.
	maxMessage = 64 << 10
	// maxFDs is the most descriptors in one message: the kernel's limit is
	// 253 (SCM_MAX_FD), see unix(7).
	maxFDs = 200
)

// A Channel is one end of a pair of sockets between two processes. Messages
// keep their boundaries. One goroutine may send while another receives.
type Channel struct {
	conn *net.UnixConn
}

// Pair makes a channel. The file is the other end, for the process to be
// started; the caller closes it after the start.
func Pair() (*Channel, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("handover: socketpair: %w", err)
	}
	c, err := Open(fds[0])
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	return c, os.NewFile(uintptr(fds[1]), "handover"), nil
}

// Open takes over a descriptor that was inherited; fd belongs to the channel,
// also after an error.
func Open(fd int) (*Channel, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "handover")
	if f == nil {
		return nil, fmt.Errorf("handover: descriptor %d is not open", fd)
	}
	defer f.Close() // FileConn has its own copy
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("handover: descriptor %d: %w", fd, err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("handover: descriptor %d is not a unix socket", fd)
	}
	return &Channel{conn: u}, nil
}

// A Message is what goes over a Channel.
type Message struct {
	Op    string          // what to do, or what was done
	ID    int             `json:",omitempty"` // of a request that wants an answer
	Key   string          `json:",omitempty"` // of sockets, see Key
	OK    bool            `json:",omitempty"`
	Text  string          `json:",omitempty"`
	Args  json.RawMessage `json:",omitempty"`
	Files []int           `json:"-"` // descriptors; the receiver owns its copies
}

// Send sends m with copies of its descriptors.
func (c *Channel) Send(m Message) error {
	if len(m.Files) > maxFDs {
		return fmt.Errorf("handover: %d descriptors in one message, at most %d", len(m.Files), maxFDs)
	}
	if len(m.Text) > maxMessage/2 {
		m.Text = m.Text[:maxMessage/2]
	}
	p, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("handover: %s: %w", m.Op, err)
	}
	if len(p) > maxMessage {
		return fmt.Errorf("handover: message %s of %d bytes, at most %d", m.Op, len(p), maxMessage)
	}
	var rights []byte
	if len(m.Files) > 0 {
		rights = unix.UnixRights(m.Files...)
	}
	if _, _, err := c.conn.WriteMsgUnix(p, rights, nil); err != nil {
		return fmt.Errorf("handover: %s: %w", m.Op, err)
	}
	return nil
}

// SendAll sends many descriptors under one key, in as many messages as it takes.
func (c *Channel) SendAll(m Message) error {
	files := m.Files
	for len(files) > maxFDs {
		m.Files = files[:maxFDs]
		if err := c.Send(m); err != nil {
			return err
		}
		files = files[maxFDs:]
	}
	m.Files = files
	return c.Send(m)
}

// ErrClosed is what Receive returns when the other process is gone.
var ErrClosed = errors.New("handover: the other process is gone")

// Receive waits for a message. Its descriptors are close-on-exec.
func (c *Channel) Receive() (Message, error) {
	p := make([]byte, maxMessage)
	oob := make([]byte, unix.CmsgSpace(maxFDs*4))
	n, oobn, flags, _, err := c.conn.ReadMsgUnix(p, oob)
	if err != nil || n == 0 {
		return Message{}, ErrClosed
	}
	files, err := descriptors(oob[:oobn])
	if err != nil {
		return Message{}, err
	}
	for _, fd := range files {
		unix.CloseOnExec(fd)
	}
	m := Message{}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("handover: a message was cut")
	} else {
		err = json.Unmarshal(p[:n], &m)
	}
	if err != nil {
		CloseAll(files)
		return Message{}, fmt.Errorf("handover: %w", err)
	}
	m.Files = files
	return m, nil
}

func descriptors(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("handover: control message: %w", err)
	}
	var files []int
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err == nil {
			files = append(files, fds...)
		}
	}
	return files, nil
}

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// Close closes this end; the other end's Receive returns ErrClosed.
func (c *Channel) Close() error { return c.conn.Close() }
