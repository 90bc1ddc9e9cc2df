package proto

import (
	"fmt"
	"math"
	"time"
)

// Breaker holds the settings of a check's breaker. A poll that would flip more of a page's outcomes in one direction
// than Limit allows is held: the outcomes stay.
type Breaker struct {
	Off bool `msgpack:"off"`
	// Share, from 0 to 1, and Floor bound the flips of one poll, and the net flips of a window, on one page.
	Share float64 `msgpack:"share"`
	Floor int     `msgpack:"floor"`
	// Window is how long flips are added up, MaxHold how long outcomes are held before the safe side applies. 0 means
	// the default.
	Window  time.Duration `msgpack:"window"`
	MaxHold time.Duration `msgpack:"max_hold"`
}

// DefaultBreaker returns the settings of an account and a check that have none of their own.
func DefaultBreaker() Breaker {
	return Breaker{Share: 0.2, Floor: 10, Window: time.Hour, MaxHold: 4 * time.Hour}
}

// BreakerOf returns the settings that apply to a check: its own, else the account's, else the default. Both may be nil.
func BreakerOf(c *Check, o *Organization) Breaker {
	b := DefaultBreaker()
	switch {
	case c != nil && c.Breaker != nil:
		b = *c.Breaker
	case o != nil && o.Breaker != nil:
		b = *o.Breaker
	}
	d := DefaultBreaker()
	if b.Window <= 0 {
		b.Window = d.Window
	}
	if b.MaxHold <= 0 {
		b.MaxHold = d.MaxHold
	}
	return b
}

// The bounds of a breaker's durations.
const (
	MinBreakerDuration = time.Minute
	MaxBreakerDuration = 7 * 24 * time.Hour
)

// Validate returns an error that names the first member outside its bounds.
func (b *Breaker) Validate() error {
	between := func(d time.Duration) bool {
		return d == 0 || d >= MinBreakerDuration && d <= MaxBreakerDuration
	}
	switch {
	case math.IsNaN(b.Share) || b.Share < 0 || b.Share > 1:
		return fmt.Errorf("share must be between 0 and 1, got %v", b.Share)
	case b.Floor < 0 || b.Floor > PageSize:
		return fmt.Errorf("floor must be between 0 and %d, got %d", PageSize, b.Floor)
	case !between(b.Window):
		return fmt.Errorf("window must be between %v and %v, got %v", MinBreakerDuration, MaxBreakerDuration, b.Window)
	case !between(b.MaxHold):
		return fmt.Errorf("max_hold must be between %v and %v, got %v", MinBreakerDuration, MaxBreakerDuration, b.MaxHold)
	}
	return nil
}

// Limit returns the number of flips allowed among n results.
func (b *Breaker) Limit(n int) float64 { return max(float64(b.Floor), b.Share*float64(n)) }

// Flips counts the results of one check that a poll would flip between pass and fail, on one page or on several.
type Flips struct {
	Out, In int // from pass to fail, from fail to pass
	// Passing and Known are the results with a pass, and with a pass or a fail, before the poll.
	Passing, Known int
	// Net is the number of passes that polls have added since the window began, before this poll; it is negative after
	// a loss.
	Net int
}

// Add adds the flips of another page.
func (f *Flips) Add(o Flips) {
	f.Out, f.In, f.Net = f.Out+o.Out, f.In+o.In, f.Net+o.Net
	f.Passing, f.Known = f.Passing+o.Passing, f.Known+o.Known
}

// Beyond reports whether the flips exceed the limits, of the poll by itself or of its window: out for too many lost
// passes, in for too many gained ones. A window's loss is measured against the passes at its beginning.
func (b *Breaker) Beyond(f Flips) (out, in bool) {
	if b.Off || f.Out+f.In == 0 {
		return false, false
	}
	net := f.Net + f.In - f.Out
	out = float64(f.Out) > b.Limit(f.Passing) || f.Out > 0 && float64(-net) > b.Limit(f.Passing-f.Net)
	in = float64(f.In) > b.Limit(f.Known) || f.In > 0 && float64(net) > b.Limit(f.Known)
	return out, in
}
