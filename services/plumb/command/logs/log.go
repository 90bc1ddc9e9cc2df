package logs

import (
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Logs is the command plumb log.
type Logs struct {
	Posture postureLog `cmd:"" help:"Show every evaluated result of every device, oldest first."`
	Access  accessLog  `cmd:"" help:"Show allowed and denied requests and logins, oldest first."`
}

// defaultAge is how far back a log is shown without --since.
const defaultAge = time.Hour

// logFlags are the flags of every log.
type logFlags struct {
	remote.Flags
	render.Output
	render.Period
	render.Limited
	Follow bool `short:"f" env:"-" help:"Show new entries as they are written, until interrupted. Without --since, only those."`
}

func (l *logFlags) validate() error {
	if l.Follow && !l.Until.IsZero() {
		return cli.Usage("--follow and --until exclude each other")
	}
	return nil
}

// limit returns the number of lines at most, 0 for no limit.
func (l *logFlags) limit() int {
	if l.Follow {
		return 0
	}
	return l.Limit
}

// start returns the time of the first entry to show.
func (l *logFlags) start() time.Time {
	if l.Follow {
		return l.SinceOr(0)
	}
	return l.SinceOr(defaultAge)
}
