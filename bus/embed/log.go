package embed

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// logger forwards the server's log to the process's logger. Its notices about every start and stop are logged at
// debug level.
type logger struct {
	log *slog.Logger
	// failed receives the first failed write of the store.
	failed chan error
	// fatal receives the first error after which the server would exit if it were a process of its own.
	fatal chan error
}

// storeFailed is the text of the server's log entry when a stream rejects all further writes until a restart, even if
// there is space again. The server reports this only in its log (nats-server 2.14.9, stream.go).
const storeFailed = "critical write error"

func (l *logger) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Errorf(format string, v ...any) {
	text := fmt.Sprintf("nats: "+format, v...)
	l.log.Error(text)
	if strings.Contains(format, storeFailed) {
		first(l.failed, text)
	}
}
func (l *logger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf("nats: fatal: "+format, v...)
	l.log.Error(text)
	first(l.fatal, text)
}
func (l *logger) Debugf(format string, v ...any) {}
func (l *logger) Tracef(format string, v ...any) {}

// first sends an error unless an earlier one is still waiting.
func first(to chan<- error, text string) {
	select {
	case to <- errors.New(text):
	default:
	}
}
