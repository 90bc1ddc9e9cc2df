package filter

import (
	"strconv"
	"strings"
	"time"
)

// Expr is a condition on devices: [All], [Any], [Not], [Text], [Check], [Flag], [Outcome], [Score] or [Age].
type Expr interface {
	// String returns the condition in the filter language.
	String() string
	level() int // how strongly it binds: 0 for OR, 1 for AND, 2 for everything else
}

// All holds if each condition holds, and so if there is none.
type All []Expr

// Any holds if a condition holds.
type Any []Expr

// Not holds if the condition does not hold.
type Not struct{ Of Expr }

// Text compares text properties of a device with a pattern, in any letter case.
type Text struct {
	Field   Field
	Pattern string // lower case; each * stands for any text, except in a comparison of FieldAny
}

// Check compares the state of one check.
type Check struct {
	Name  string // or id
	State State
	Not   bool // the state differs
}

// Flag holds if the device has a property.
type Flag struct {
	State State // StateHeld, StateExempt, StateGrace, StateObserve or StateRevoked
	On    bool
}

// Outcome holds if some check of the device has the outcome: StatePass, StateFail or StateUnknown.
type Outcome struct{ State State }

// Score compares the lowest score of any integration.
type Score struct {
	Op    Op
	Value int // 0 to 100
}

// Age compares the age of the oldest of the newest scores.
type Age struct {
	Op    Op // Less, LessEqual, Greater or GreaterEqual
	Value time.Duration
}

func (All) level() int     { return 1 }
func (Any) level() int     { return 0 }
func (Not) level() int     { return 2 }
func (Text) level() int    { return 2 }
func (Check) level() int   { return 2 }
func (Flag) level() int    { return 2 }
func (Outcome) level() int { return 2 }
func (Score) level() int   { return 2 }
func (Age) level() int     { return 2 }

func (e All) String() string { return joined(e, " ", e.level()) }
func (e Any) String() string { return joined(e, " OR ", e.level()) }
func (e Not) String() string { return "-" + grouped(e.Of, 2) }

func (e Text) String() string {
	if e.Field == FieldAny {
		return quoted(e.Pattern)
	}
	return e.Field.String() + ":" + quoted(e.Pattern)
}

func (e Check) String() string {
	op := "="
	if e.Not {
		op = "!="
	}
	return "check:" + quoted(e.Name) + op + e.State.String()
}

func (e Flag) String() string {
	value := "no"
	if e.On {
		value = "yes"
	}
	return e.State.String() + ":" + value
}

func (e Outcome) String() string { return "outcome:" + e.State.String() }
func (e Score) String() string   { return "score" + e.Op.String() + strconv.Itoa(e.Value) }
func (e Age) String() string     { return "age" + e.Op.String() + e.Value.String() }

func joined(all []Expr, by string, level int) string {
	parts := make([]string, len(all))
	for n, e := range all {
		parts[n] = grouped(e, level+1)
	}
	return strings.Join(parts, by)
}

// grouped returns a condition in parentheses if it binds less than the level.
func grouped(e Expr, level int) string {
	if e.level() < level {
		return "(" + e.String() + ")"
	}
	return e.String()
}

// quoted returns a value as it stands in a filter: in quotes if it would be read as something else without.
func quoted(text string) string {
	if text != "" && strings.IndexFunc(text, special) < 0 && text[0] != '-' && !isWord(text) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// Mentions reports whether a condition has a flag of a state.
func Mentions(e Expr, s State) bool {
	switch e := e.(type) {
	case All:
		return anyMentions(e, s)
	case Any:
		return anyMentions(e, s)
	case Not:
		return Mentions(e.Of, s)
	case Flag:
		return e.State == s
	}
	return false
}

func anyMentions(all []Expr, s State) bool {
	for _, e := range all {
		if Mentions(e, s) {
			return true
		}
	}
	return false
}
