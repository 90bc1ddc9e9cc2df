package api

import (
	"log/slog"
	"testing"
)

// testLog keeps the log, which is looked through for secrets, and shows it when a test fails.
func testLog(t testing.TB, l *lockedBuffer) *slog.Logger {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.String())
		}
	})
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
