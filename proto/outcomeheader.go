package proto

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// CheckOutcomes counts the results of one check of an entry, in the header [HeaderOutcomes].
type CheckOutcomes struct {
	Check               ID
	Pass, Fail, Unknown int
	// Changed is how many results have another outcome than in the page's previous entry.
	Changed int
	// Enforced counts the results that pass, or are held, for another reason than the score.
	Enforced Enforced
}

// Add adds the counts of another page.
func (o *CheckOutcomes) Add(p CheckOutcomes) {
	o.Pass, o.Fail, o.Unknown = o.Pass+p.Pass, o.Fail+p.Fail, o.Unknown+p.Unknown
	o.Changed += p.Changed
	o.Enforced.Add(p.Enforced)
}

// CheckOutcomes returns the counts of each check. changed is the number of changed outcomes, by check.
func (e *Entry) CheckOutcomes(changed map[ID]int) []CheckOutcomes {
	all := make([]CheckOutcomes, len(e.Checks))
	for i := range all {
		all[i].Check, all[i].Changed = e.Checks[i].ID, changed[e.Checks[i].ID]
	}
	for i := range e.Results {
		for c, v := range e.Results[i].Verdicts {
			all[c].count(v)
		}
	}
	return all
}

// count counts a result.
func (o *CheckOutcomes) count(v Verdict) {
	o.Enforced.count(v.Reason)
	switch v.Outcome {
	case OutcomePass:
		o.Pass++
	case OutcomeFail:
		o.Fail++
	default:
		o.Unknown++
	}
}

const outcomeNumbers = 8

// FormatOutcomes returns the header's value: the layout's number, 1, and for each check, after a blank, its id in
// base64 and its numbers, separated by colons. Zeros at the end are left out.
func FormatOutcomes(all []CheckOutcomes) string {
	b := make([]byte, 0, 2+48*len(all))
	b = append(b, '1')
	for i := range all {
		o := &all[i]
		b = append(b, ' ')
		b = base64.RawURLEncoding.AppendEncode(b, o.Check[:])
		numbers := [outcomeNumbers]int{o.Pass, o.Fail, o.Unknown, o.Changed, o.Enforced.ObserveOnly, o.Enforced.Exempt,
			o.Enforced.Grace, o.Enforced.Held}
		shown := numbers[:]
		for len(shown) > 0 && shown[len(shown)-1] == 0 {
			shown = shown[:len(shown)-1]
		}
		for _, n := range shown {
			b = append(b, ':')
			b = strconv.AppendInt(b, int64(n), 10)
		}
	}
	return string(b)
}

// ParseOutcomes reads the form written by [FormatOutcomes]. Numbers past the known ones are skipped.
func ParseOutcomes(text string) ([]CheckOutcomes, error) {
	fields := strings.Split(text, " ")
	if fields[0] != "1" || len(fields) > 1+MaxChecks {
		return nil, fmt.Errorf("outcomes %q are of an unknown layout", clip(text))
	}
	all := make([]CheckOutcomes, len(fields)-1)
	for i, field := range fields[1:] {
		if err := all[i].parse(field); err != nil {
			return nil, fmt.Errorf("outcomes %q: %w", clip(field), err)
		}
	}
	return all, nil
}

func (o *CheckOutcomes) parse(field string) error {
	parts := strings.Split(field, ":")
	id, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || len(id) != len(o.Check) {
		return fmt.Errorf("no check")
	}
	o.Check = ID(id)
	numbers := [outcomeNumbers]*int{&o.Pass, &o.Fail, &o.Unknown, &o.Changed, &o.Enforced.ObserveOnly,
		&o.Enforced.Exempt, &o.Enforced.Grace, &o.Enforced.Held}
	for i, p := range parts[1:min(len(parts), 1+outcomeNumbers)] {
		if *numbers[i], err = strconv.Atoi(p); err != nil {
			return err
		}
	}
	return nil
}
