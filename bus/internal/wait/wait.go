// Package wait pauses until a time has passed or a context has ended.
package wait

import (
	"context"
	"time"
)

// For returns after d, or when ctx has ended.
func For(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
