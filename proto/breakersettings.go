package proto

import (
	"fmt"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// BreakerSettings holds the settings of a check's breaker, or of an account's, as a person set them. A member that is
// not set has the value of the next level: see [BreakerOf].
type BreakerSettings struct {
	Off   *bool
	Share *float64
	Floor *int
	// Window and MaxHold are 0 if they are not set.
	Window  time.Duration
	MaxHold time.Duration
}

// breakerRecord is the wire form of [BreakerSettings]. Records without Merged set every member: absent ones are zero.
type breakerRecord struct {
	Off     *bool         `msgpack:"off"`
	Share   *float64      `msgpack:"share"`
	Floor   *int          `msgpack:"floor"`
	Window  time.Duration `msgpack:"window"`
	MaxHold time.Duration `msgpack:"max_hold"`
	Merged  bool          `msgpack:"merged"`
}

// EncodeMsgpack implements msgpack.CustomEncoder.
func (s *BreakerSettings) EncodeMsgpack(e *msgpack.Encoder) error {
	return e.Encode(&breakerRecord{s.Off, s.Share, s.Floor, s.Window, s.MaxHold, true})
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (s *BreakerSettings) DecodeMsgpack(d *msgpack.Decoder) error {
	r := breakerRecord{}
	if err := d.Decode(&r); err != nil {
		return err
	}
	if !r.Merged {
		r.Off, r.Share, r.Floor = orZero(r.Off), orZero(r.Share), orZero(r.Floor)
	}
	*s = BreakerSettings{r.Off, r.Share, r.Floor, r.Window, r.MaxHold}
	return nil
}

func orZero[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}

var (
	_ msgpack.CustomEncoder = (*BreakerSettings)(nil)
	_ msgpack.CustomDecoder = (*BreakerSettings)(nil)
)

// Settings returns settings with every member of the breaker; a duration of 0 is not set.
func (b *Breaker) Settings() *BreakerSettings {
	return &BreakerSettings{Off: &b.Off, Share: &b.Share, Floor: &b.Floor, Window: b.Window, MaxHold: b.MaxHold}
}

// BreakerOf returns the breaker of a check. For each member, the check's own setting comes before the account's, and
// the account's before the default. Both arguments may be nil.
func BreakerOf(c *Check, o *Organization) Breaker {
	b := DefaultBreaker()
	if o != nil {
		o.Breaker.apply(&b)
	}
	if c != nil {
		c.Breaker.apply(&b)
	}
	return b
}

// apply sets the members that the settings have.
func (s *BreakerSettings) apply(b *Breaker) {
	if s == nil {
		return
	}
	replace(&b.Off, s.Off)
	replace(&b.Share, s.Share)
	replace(&b.Floor, s.Floor)
	if s.Window > 0 {
		b.Window = s.Window
	}
	if s.MaxHold > 0 {
		b.MaxHold = s.MaxHold
	}
}

func replace[T any](value, by *T) {
	if by != nil {
		*value = *by
	}
}

// Equal reports whether two settings set the same members to the same values. nil differs from empty settings.
func (s *BreakerSettings) Equal(o *BreakerSettings) bool {
	if s == nil || o == nil {
		return s == o
	}
	return equal(s.Off, o.Off) && equal(s.Share, o.Share) && equal(s.Floor, o.Floor) && s.Window == o.Window &&
		s.MaxHold == o.MaxHold
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// The bounds of a breaker's durations.
const (
	MinBreakerDuration = time.Minute
	MaxBreakerDuration = 7 * 24 * time.Hour
)

// Validate returns an error that names the first member outside its bounds.
func (s *BreakerSettings) Validate() error {
	between := func(d time.Duration) bool {
		return d == 0 || d >= MinBreakerDuration && d <= MaxBreakerDuration
	}
	switch {
	case s.Share != nil && (math.IsNaN(*s.Share) || *s.Share < 0 || *s.Share > 1):
		return fmt.Errorf("share must be between 0 and 1, got %v", *s.Share)
	case s.Floor != nil && (*s.Floor < 0 || *s.Floor > PageSize):
		return fmt.Errorf("floor must be between 0 and %d, got %d", PageSize, *s.Floor)
	case !between(s.Window):
		return fmt.Errorf("window must be between %v and %v, got %v", MinBreakerDuration, MaxBreakerDuration, s.Window)
	case !between(s.MaxHold):
		return fmt.Errorf("max_hold must be between %v and %v, got %v", MinBreakerDuration, MaxBreakerDuration, s.MaxHold)
	}
	return nil
}
