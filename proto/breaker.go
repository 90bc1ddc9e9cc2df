package proto

import "time"

// Breaker is the breaker of a check: see [BreakerOf]. A poll that would flip more of a page's outcomes in one direction
// than Limit allows is held: the outcomes stay.
type Breaker struct {
	Off bool
	// Share, from 0 to 1, and Floor bound the flips of one poll, and the net flips of a window, on one page.
	Share float64
	Floor int
	// Window is how long flips are added up, MaxHold how long outcomes are held before the safe side applies.
	Window  time.Duration
	MaxHold time.Duration
}

// DefaultBreaker returns the breaker of a check without settings in an account without settings.
func DefaultBreaker() Breaker {
	return Breaker{Share: 0.2, Floor: 10, Window: time.Hour, MaxHold: 4 * time.Hour}
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
