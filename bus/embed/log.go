package embed

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// logger sends the server's own lines to the process's log. Its notices tell of every start and stop;
// they are worth a debug line here.
type logger struct {
	log *slog.Logger
	// failed gets the first write that the store could not make.
	failed chan error
}

// storeFailed is how the server says that a stream takes no more writes until it is restarted, space or
// not: it tells nobody but its log (nats-server 2.14.9, stream.go).
const storeFailed = "critical write error"

func (l *logger) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Errorf(format string, v ...any) {
	text := fmt.Sprintf("nats: "+format, v...)
	l.log.Error(text)
	if strings.Contains(format, storeFailed) {
		select {
		case l.failed <- errors.New(text):
		default:
		}
	}
}
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error(fmt.Sprintf("nats: fatal: "+format, v...))
}
func (l *logger) Debugf(format string, v ...any) {}
func (l *logger) Tracef(format string, v ...any) {}
