package device

import (
	"slices"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// maxChecks bounds the checks with chips.
const maxChecks = 12

// chip adds a term to the filter, or removes it.
type chip struct {
	Text, Path string
	N          int
	On         bool
	Title      string
}

type chipsView struct {
	Devices  int
	Chips    []chip
	Outdated int
	Problem  string
}

// chips shows the number of devices that the filter selects, by the states of their checks.
func chips(r *frame.Request) error {
	text := strings.TrimSpace(r.URL.Query().Get("filter"))
	counts, err := r.API.FleetCounts(r.Context(), client.FleetQuery{Filter: text, Soon: true})
	if rejected(err) != "" {
		return r.Fragment(set, "chips", chipsView{Problem: "The filter cannot be read."}, 0)
	}
	if err != nil {
		return err
	}
	v := chipsView{Devices: counts.Devices, Outdated: counts.Outdated}
	add := func(label, term string, n int, title string) {
		on := hasTerm(text, term)
		if n > 0 || on {
			v.Chips = append(v.Chips, chip{Text: label, Path: listPath(toggled(text, term)), N: n, On: on, Title: title})
		}
	}
	add("Failing", "outcome:fail", counts.Some.Fail, "Devices that fail some check")
	add("Unknown", "outcome:unknown", counts.Some.Unknown, "Devices with an unknown outcome")
	add("Held", "held:yes", counts.Some.Held, "Devices whose outcome a breaker holds")
	add("Exempt", "exempt:yes", counts.Some.Exempt, "Devices that pass because of an exemption")
	add("In grace", "grace:yes", counts.Some.Grace, "Devices that fail and keep their pass for now")
	for _, c := range counts.Checks[:min(len(counts.Checks), maxChecks)] {
		for _, one := range []struct {
			label, state string
			n            int
		}{{" fails", "fail", c.Fail}, {" unknown", "unknown", c.Unknown}} {
			add(c.Name+one.label, "check:"+quoted(c.Name)+"="+one.state, one.n, "")
		}
	}
	return r.Fragment(set, "chips", v, 0)
}

// hasTerm reports whether a filter has a term, as a chip adds it.
func hasTerm(text, term string) bool { return slices.Contains(terms(text), term) }

// toggled returns a filter with a term added, or removed if it has the term. A filter with several alternatives is put
// in parentheses.
func toggled(text, term string) string {
	all := terms(text)
	if n := slices.Index(all, term); n >= 0 {
		return strings.Join(slices.Delete(all, n, n+1), " ")
	}
	if slices.Contains(all, "OR") {
		text = "(" + text + ")"
	}
	return strings.TrimSpace(text + " " + term)
}

// terms splits a filter at blanks outside of quotes and parentheses.
func terms(text string) (all []string) {
	depth, inQuotes, escaped := 0, false, false
	return strings.FieldsFunc(text, func(c rune) bool {
		switch {
		case escaped:
			escaped = false
		case inQuotes && c == '\\':
			escaped = true
		case c == '"':
			inQuotes = !inQuotes
		case inQuotes:
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
		return c == ' ' && !inQuotes && depth == 0
	})
}
