package logs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A backing is the file whose memory a ring is: what the process logged last can
// be read there when it has died.
type backing struct{ mem []byte }

// openBacking makes the file anew; one that has something in it is kept as path.bak.
// Its room is taken from the file system at once, so that no write meets a full one.
func openBacking(path string, size int) (*backing, error) {
	if old, err := os.Stat(path); err == nil && old.Size() > 0 {
		_ = os.Rename(path, path+".bak") // HAProxy too goes on without
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("backing-file: %w", err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil {
		return nil, fmt.Errorf("backing-file %s: room for %d bytes: %w", path, size, err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("backing-file %s: %w", path, err)
	}
	return &backing{mem}, nil
}

// close leaves the file as it is. Its memory stays mapped: somebody may still read.
func (b *backing) close() { _ = unix.Msync(b.mem, unix.MS_ASYNC) }
