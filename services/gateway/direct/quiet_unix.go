//go:build unix

package direct

import (
	"errors"
	"syscall"
)

const able = true

var errNotQuiet = errors.New("the connection has something to read, or has ended")

// nothingToRead looks at a socket without waiting and without taking anything from it.
func nothingToRead(fd uintptr) error {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT) //nolint:gosec // as the kernel gave it
	if err == syscall.EAGAIN || err == syscall.EWOULDBLOCK {                            //nolint:errorlint // it is not wrapped
		return nil
	}
	return errNotQuiet
}
