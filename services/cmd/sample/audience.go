package main

import (
	"context"
	"log/slog"
	"time"

	"plumbline.dev/services/plumb/datadir"
	"plumbline.dev/services/sample"
)

// told is the sample API with its audience in a file that somebody else writes.
type told struct {
	*sample.Service
	path string // empty: there is none
	log  *slog.Logger
}

// Run serves, and looks at the file twice a second.
func (t *told) Run(ctx context.Context) error {
	if t.path != "" {
		go t.look(ctx)
	}
	return t.Service.Run(ctx)
}

func (t *told) look(ctx context.Context) {
	known := ""
	for {
		if aud, err := datadir.Read(t.path); err == nil && aud != known {
			t.log.Info("the audience is known", "path", t.path)
			t.SetAudience(aud)
			known = aud
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}
