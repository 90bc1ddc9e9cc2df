package plumb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// flagged is an address and the flag that it came from.
type flagged struct {
	flag string
	addr *string
}

// claim makes sure that every address can be listened on, so that one that is taken is told at once and
// by the flag that changes it, and puts a free port in place of each 0. The listeners are closed again:
// who serves there opens its own.
func claim(ctx context.Context, all ...flagged) error {
	var listen net.ListenConfig
	for _, f := range all {
		if *f.addr == "" {
			continue
		}
		l, err := listen.Listen(ctx, "tcp", *f.addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("address %s is in use: stop what listens there, or give another %s", *f.addr, f.flag)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
		defer l.Close() // only when all are claimed: no two get the same port
		*f.addr = l.Addr().String()
	}
	return nil
}
