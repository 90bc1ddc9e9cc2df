//go:build unix

package proxy

import "syscall"

// readable reports whether a socket has data or has ended. It neither blocks nor consumes data.
func readable(fd uintptr) bool {
	var b [1]byte
	const flags = syscall.MSG_PEEK | syscall.MSG_DONTWAIT
	_, _, err := syscall.Recvfrom(int(fd), b[:], flags)        //nolint:gosec // as the kernel gave it
	return err != syscall.EAGAIN && err != syscall.EWOULDBLOCK //nolint:errorlint // it is not wrapped
}
