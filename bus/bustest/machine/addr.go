package machine

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// The ports that are given stay below those that an operating system gives to whoever asks for any, or
// dials: Linux begins at 32768.
const (
	firstPort = 12000
	ports     = 20000
)

var next atomic.Uint32

// FreeAddr is a loopback address on which nobody listens, another one each time, for what must know an
// address before it listens. Nobody gets it by chance meanwhile: processes that test side by side begin at
// different places.
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
