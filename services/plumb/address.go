package plumb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// flagged is an address and its flag.
type flagged struct {
	flag string
	addr *string
}

// claim checks that every address can be listened on, and replaces port 0 by a free port. An error names the flag of
// the address. The listeners are closed again; the services open their own.
func claim(ctx context.Context, all ...flagged) error {
	var listen net.ListenConfig
	for _, f := range all {
		if *f.addr == "" {
			continue
		}
		l, err := listen.Listen(ctx, "tcp", *f.addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("address %s is in use: stop the process that listens on it, or give another %s", *f.addr, f.flag)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
		defer l.Close() // after the last address, so that no two get the same free port
		*f.addr = l.Addr().String()
	}
	return nil
}
