package machine

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// The ports are below the ephemeral range of the operating system, so they are not assigned by chance. On Linux the
// range begins at 32768.
const (
	firstPort = 12000
	ports     = 20000
)

var next atomic.Uint32

// FreeAddr returns an unused loopback address, a different one on each call, for tests needing an address before they
// listen on it. Concurrent test processes start at different ports, so another process is unlikely to take the
// address.
func FreeAddr() (string, error) {
	for range 1000 {
		at := (uint32(os.Getpid())*601 + next.Add(1)) % ports
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+at)
		if l, err := net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("no free port on 127.0.0.1 from %d to %d", firstPort, firstPort+ports-1)
}
