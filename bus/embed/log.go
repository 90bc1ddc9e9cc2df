package embed

import (
	"fmt"
	"log/slog"
)

// logger sends the server's own lines to the process's log. Its notices tell of every start and stop;
// they are worth a debug line here.
type logger struct{ log *slog.Logger }

func (l *logger) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Errorf(format string, v ...any)  { l.log.Error(fmt.Sprintf("nats: "+format, v...)) }
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error(fmt.Sprintf("nats: fatal: "+format, v...))
}
func (l *logger) Debugf(format string, v ...any) {}
func (l *logger) Tracef(format string, v ...any) {}
