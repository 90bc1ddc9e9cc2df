package proto

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// CheckFlips is one check of an entry in the header [HeaderFlips].
type CheckFlips struct {
	Check ID
	Flips Flips
	Held  bool
	// The rest is set if the page holds outcomes: when the hold began and with which tick, its directions, whether the
	// safe side applies, and how many results are held.
	Since   Millis
	Tick    uint64
	Out, In bool
	Safe    bool
	Devices int
}

// CheckFlips returns the flips of the entry's tick for each check. Without flips, the counts are those of the results.
func (e *Entry) CheckFlips() []CheckFlips { return e.flips(e.CheckOutcomes(nil)) }

// flips returns the flips, given the counts of the results.
func (e *Entry) flips(counted []CheckOutcomes) []CheckFlips {
	all := make([]CheckFlips, len(e.Checks))
	for i := range all {
		s, f := e.State(i), &all[i]
		f.Check, f.Flips = e.Checks[i].ID, s.Flips
		if h := s.Hold; h != nil {
			f.Held, f.Since, f.Tick, f.Out, f.In, f.Safe = true, h.Since, h.Tick, h.Out, h.In, h.Safe
		}
		if s.Flips == (Flips{}) {
			f.Flips.Net = s.Window.Net
		}
		if o := &counted[i]; f.Flips.Out+f.Flips.In == 0 {
			f.Flips.Passing, f.Flips.Known = f.Flips.Passing+o.Pass, f.Flips.Known+o.Pass+o.Fail
		}
		f.Devices = counted[i].Enforced.Held
	}
	return all
}

// FormatFlips returns the header's value: the layout's number, 1, the number of held checks, and for each check, after
// a blank, its id in base64 and its numbers, separated by colons.
func FormatFlips(all []CheckFlips) string {
	held := 0
	for i := range all {
		if all[i].Held {
			held++
		}
	}
	b := make([]byte, 0, 8+64*len(all))
	b = append(b, "1 "...)
	b = strconv.AppendInt(b, int64(held), 10)
	for i := range all {
		f := &all[i]
		b = append(b, ' ')
		b = base64.RawURLEncoding.AppendEncode(b, f.Check[:])
		numbers := [...]int64{int64(f.Flips.Out), int64(f.Flips.In), int64(f.Flips.Passing), int64(f.Flips.Known),
			int64(f.Flips.Net), int64(f.Since), int64(f.Tick), flags(f.Out, f.In, f.Safe), int64(f.Devices)}
		shown := numbers[:5]
		if f.Held {
			shown = numbers[:]
		}
		for _, n := range shown {
			b = append(b, ':')
			b = strconv.AppendInt(b, n, 10)
		}
	}
	return string(b)
}

func flags(bits ...bool) (n int64) {
	for i, set := range bits {
		if set {
			n |= 1 << i
		}
	}
	return n
}

// HoldsIn returns the number of held checks in a header's value without parsing the rest; 0 for an unknown layout.
func HoldsIn(text string) int {
	rest, ok := strings.CutPrefix(text, "1 ")
	if !ok {
		return 0
	}
	n, _, _ := strings.Cut(rest, " ")
	held, err := strconv.Atoi(n)
	if err != nil {
		return 0
	}
	return held
}

// ParseFlips reads the form written by [FormatFlips]; numbers past the known ones are skipped.
func ParseFlips(text string) ([]CheckFlips, error) {
	fields := strings.Split(text, " ")
	if len(fields) < 2 || fields[0] != "1" || len(fields) > 2+MaxChecks {
		return nil, fmt.Errorf("flips %q are of an unknown layout", clip(text))
	}
	all := make([]CheckFlips, len(fields)-2)
	for i, field := range fields[2:] {
		if err := all[i].parse(field); err != nil {
			return nil, fmt.Errorf("flips %q: %w", clip(field), err)
		}
	}
	return all, nil
}

func (f *CheckFlips) parse(field string) error {
	parts := strings.Split(field, ":")
	id, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || len(id) != len(f.Check) {
		return fmt.Errorf("no check")
	}
	if len(parts) != 6 && len(parts) < 10 {
		return fmt.Errorf("%d numbers", len(parts)-1)
	}
	f.Check = ID(id)
	var n [9]int64
	for i, p := range parts[1:min(len(parts), 10)] {
		if n[i], err = strconv.ParseInt(p, 10, 64); err != nil {
			return err
		}
	}
	f.Flips = Flips{Out: int(n[0]), In: int(n[1]), Passing: int(n[2]), Known: int(n[3]), Net: int(n[4])}
	if f.Held = len(parts) >= 10; f.Held {
		f.Since, f.Tick, f.Devices = Millis(n[5]), uint64(n[6]), int(n[8])
		f.Out, f.In, f.Safe = n[7]&1 != 0, n[7]&2 != 0, n[7]&4 != 0
	}
	return nil
}

// MaxEndedInHeader bounds the exemptions in [HeaderExemptionsEnded]: the others follow once these are deleted.
const MaxEndedInHeader = 100

// EndedExemptions returns the value of [HeaderExemptionsEnded]: the ids of ended exemptions on the page, separated by
// blanks; empty if there are none.
func (e *Entry) EndedExemptions() string {
	var ids []string
	for i := range e.Exemptions {
		if e.Exemptions[i].Ended && len(ids) < MaxEndedInHeader {
			ids = append(ids, e.Exemptions[i].ID.String())
		}
	}
	return strings.Join(ids, " ")
}

// ParseEndedExemptions reads the form written by [Entry.EndedExemptions].
func ParseEndedExemptions(text string) ([]ID, error) {
	var ids []ID
	for _, s := range strings.Fields(text) {
		id, err := ParseID(s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Headers returns the headers of an entry's message besides those of every message. changed is how many results its
// changes name, by check.
func (e *Entry) Headers(changed map[ID]int) map[string][]string {
	sum := 0
	for _, n := range changed {
		sum += n
	}
	counted, summary := e.CheckOutcomes(changed), e.summarize(sum)
	for i := range counted {
		summary.countResults(&counted[i])
	}
	h := map[string][]string{HeaderSummary: {summary.String()}}
	if len(e.Checks) > 0 {
		h[HeaderFlips] = []string{FormatFlips(e.flips(counted))}
		h[HeaderOutcomes] = []string{FormatOutcomes(counted)}
	}
	if ended := e.EndedExemptions(); ended != "" {
		h[HeaderExemptionsEnded] = []string{ended}
	}
	return h
}
