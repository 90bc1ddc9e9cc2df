package proto

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
)

func TestBreakerOf(t *testing.T) {
	d := DefaultBreaker()
	with := func(change func(*Breaker)) Breaker {
		b := d
		change(&b)
		return b
	}
	account := &Organization{Breaker: &BreakerSettings{Off: new(true), Floor: new(5), MaxHold: 24 * time.Hour}}
	for name, c := range map[string]struct {
		check *Check
		org   *Organization
		want  Breaker
	}{
		"nothing is known":   {nil, nil, d},
		"nothing is set":     {&Check{}, &Organization{}, d},
		"nothing is in them": {&Check{Breaker: &BreakerSettings{}}, &Organization{Breaker: &BreakerSettings{}}, d},
		"the account's": {&Check{}, account, with(func(b *Breaker) {
			b.Off, b.Floor, b.MaxHold = true, 5, 24*time.Hour
		})},
		"a share of the check's own": {&Check{Breaker: &BreakerSettings{Share: new(0.3)}}, account, with(func(b *Breaker) {
			b.Off, b.Share, b.Floor, b.MaxHold = true, 0.3, 5, 24*time.Hour
		})},
		"zeros are set": {&Check{Breaker: &BreakerSettings{Off: new(false), Share: new(0.0), Floor: new(0)}}, account,
			with(func(b *Breaker) { b.Share, b.Floor, b.MaxHold = 0, 0, 24*time.Hour })},
		"every member": {&Check{Breaker: (&Breaker{Share: 0.5, Floor: 1, Window: time.Minute, MaxHold: time.Hour}).Settings()},
			account, Breaker{Share: 0.5, Floor: 1, Window: time.Minute, MaxHold: time.Hour}},
		"durations below 0": {&Check{Breaker: &BreakerSettings{Window: -1, MaxHold: -1}}, nil, d},
	} {
		if got := BreakerOf(c.check, c.org); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestBreakerSettingsOnTheWire checks that members that are not set stay so, and that records whose members were all
// set by the API are read as they were meant.
func TestBreakerSettingsOnTheWire(t *testing.T) {
	for name, want := range map[string]*BreakerSettings{
		"none": nil, "empty": {}, "zeros": {Off: new(false), Share: new(0.0), Floor: new(0)},
		"some": {Share: new(0.3), MaxHold: time.Hour},
	} {
		data, err := Marshal(&Check{Breaker: want})
		var got Check
		if err == nil {
			err = Unmarshal(data, &got)
		}
		if diff := cmp.Diff(want, got.Breaker); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
	// Before members could be unset, zeros were left out.
	for name, c := range map[string]struct {
		record map[string]any
		want   Breaker
	}{
		"zeros":        {map[string]any{}, Breaker{}},
		"every member": {map[string]any{"off": true, "share": 0.3, "floor": 10, "window": time.Hour}, Breaker{true, 0.3, 10, time.Hour, 0}},
		"on":           {map[string]any{"share": 0.3, "max_hold": time.Hour}, Breaker{Share: 0.3, MaxHold: time.Hour}},
	} {
		data, err := msgpack.Marshal(map[string]any{"breaker": c.record})
		var got Check
		if err == nil {
			err = Unmarshal(data, &got)
		}
		if diff := cmp.Diff(c.want.Settings(), got.Breaker); diff != "" || err != nil {
			t.Errorf("an older record, %s: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func TestBreakerSettingsAreEqual(t *testing.T) {
	all := []*BreakerSettings{nil, {}, {Off: new(false)}, {Off: new(true)}, {Share: new(0.0)}, {Share: new(0.1)},
		{Floor: new(0)}, {Floor: new(1)}, {Window: time.Hour}, {MaxHold: time.Hour}}
	for i, a := range all {
		for k, b := range all {
			if b != nil {
				c := *b
				replaceAll(&c)
				b = &c
			}
			if a.Equal(b) != (i == k) {
				t.Errorf("%+v and %+v: equal is %t", a, b, a.Equal(b))
			}
		}
	}
}

// replaceAll replaces the pointers of settings with others to the same values.
func replaceAll(s *BreakerSettings) {
	if s.Off != nil {
		s.Off = new(*s.Off)
	}
	if s.Share != nil {
		s.Share = new(*s.Share)
	}
	if s.Floor != nil {
		s.Floor = new(*s.Floor)
	}
}

func TestBreakerSettingsOutOfBounds(t *testing.T) {
	for member, all := range map[string][]BreakerSettings{
		"share":    {{Share: new(1.01)}, {Share: new(math.NaN())}, {Share: new(-0.1)}},
		"floor":    {{Floor: new(-1)}, {Floor: new(PageSize + 1)}},
		"window":   {{Window: time.Second}, {Window: -time.Hour}},
		"max_hold": {{MaxHold: 8 * 24 * time.Hour}, {MaxHold: -1}},
	} {
		for _, s := range all {
			if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), member) {
				t.Errorf("%+v: %v", s, err)
			}
		}
	}
	for _, s := range []*BreakerSettings{{}, new(Breaker).Settings(), (&Breaker{Off: true, Share: 1, Floor: PageSize,
		Window: MinBreakerDuration, MaxHold: MaxBreakerDuration}).Settings()} {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}
