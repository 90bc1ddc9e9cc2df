package check

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// Fields of the form.
const (
	fieldName        = "name"
	fieldIntegration = "connection_id"
	fieldOperator    = "operator"
	fieldScore       = "score"
	fieldExpiration  = "expiration"
	fieldMode        = "x_mode"
	fieldRecover     = "x_recover_score"
	fieldGrace       = "x_grace"
	fieldBreaker     = "enabled" // of x_breaker, as the fields below it
	fieldShare       = "share"
	fieldFloor       = "floor"
	fieldWindow      = "window"
	fieldMaxHold     = "max_hold"
	fieldRemediation = "x_remediation"
	fieldExpectFlips = "expect_flips"
	fieldRevision    = "revision"
)

var operators = []frame.Choice{{Value: ">=", Text: "at least"}, {Value: ">", Text: "more than"},
	{Value: "<=", Text: "at most"}, {Value: "<", Text: "less than"}, {Value: "==", Text: "exactly"}}

// operatorWord returns an operator in words.
func operatorWord(operator string) string {
	if n := slices.IndexFunc(operators, func(c frame.Choice) bool { return c.Value == operator }); n >= 0 {
		return operators[n].Text
	}
	return operator
}

// formOf returns the form of a stored check.
func formOf(c client.Check, revision string) *frame.Form {
	f := frame.NewForm(
		fieldName,
		c.Name,
		fieldIntegration,
		c.Input.Integration,
		fieldOperator,
		c.Input.Operator,
		fieldScore,
		c.Input.Score.String(),
		fieldExpiration,
		c.Expiration,
		fieldMode,
		cmp.Or(c.Mode, string(proto.ModeEnforce)),
		fieldRecover,
		c.RecoverScore.String(),
		fieldGrace,
		c.Grace,
		fieldRemediation,
		c.Remediation,
		fieldRevision,
		revision,
	)
	if b := c.Breaker; b != nil {
		f.Values.Set(fieldShare, b.Share.String())
		f.Values.Set(fieldFloor, b.Floor.String())
		f.Values.Set(fieldWindow, b.Window)
		f.Values.Set(fieldMaxHold, b.MaxHold)
		if b.Enabled != nil {
			f.Values.Set(fieldBreaker, strconv.FormatBool(*b.Enabled))
		}
	}
	return f
}

// newForm returns the form of a new check over an integration.
func newForm(integration string) *frame.Form {
	return frame.NewForm(fieldIntegration, integration, fieldOperator, ">=", fieldScore, "60", fieldExpiration, "1h",
		fieldMode, string(proto.ModeObserve))
}

// expirations returns the choices of how old a score may be, with the current one.
func expirations(current string) []frame.Choice {
	all := []frame.Choice{{Value: "15m", Text: "15 minutes"}, {Value: "1h", Text: "1 hour"},
		{
			Value: "6h",
			Text:  "6 hours",
		}, {Value: "24h", Text: "1 day"}, {Value: "72h", Text: "3 days"}, {Value: "168h", Text: "7 days"},
		{Value: "", Text: "any age"}}
	if !slices.ContainsFunc(all, func(c frame.Choice) bool { return c.Value == current }) {
		all = slices.Insert(all, 0, frame.Choice{Value: current, Text: current})
	}
	return all
}

// edit sets the members of a stored check that the form has, and keeps every other one, also within the input and the
// breaker. A text that the person left as it was stays as it is stored.
func edit(body client.Object, f *frame.Form) {
	for name, v := range bodyOf(f) {
		before, _ := body[name].(map[string]any)
		after, _ := v.(map[string]any)
		stored, _ := body[name].(string)
		if name == fieldMode {
			stored = cmp.Or(stored, string(proto.ModeEnforce)) // the default
		}
		switch {
		case before != nil:
			body[name] = merged(before, after)
		case v == nil && body[name] == nil: // it stays as it is
		case stored == "" || v != strings.TrimSpace(stored):
			body[name] = v
		}
	}
}

// merged returns the members of after, and those of before that the form does not have. It is nil if there are none.
func merged(before, after map[string]any) any {
	all := maps.Clone(before)
	maps.DeleteFunc(all, func(name string, _ any) bool { return slices.Contains(fields, name) })
	maps.Copy(all, after)
	if len(all) == 0 {
		return nil
	}
	return all
}

// bodyOf returns the members of a check that the form describes. Empty settings are null, which resets them.
func bodyOf(f *frame.Form) map[string]any {
	return map[string]any{"name": f.Value(fieldName), fieldExpiration: text(f, fieldExpiration),
		"input": map[string]any{"connection_id": f.Value(fieldIntegration), "operator": f.Value(fieldOperator),
			"score": number(f, fieldScore)},
		fieldMode: text(f, fieldMode), fieldRecover: number(f, fieldRecover), fieldGrace: text(f, fieldGrace),
		fieldRemediation: text(f, fieldRemediation), "x_breaker": breaker(f)}
}

// breaker returns the settings of the breaker; nil if the form has none.
func breaker(f *frame.Form) any {
	all := map[string]any{}
	for name, v := range map[string]any{fieldShare: number(f, fieldShare), fieldFloor: number(f, fieldFloor),
		fieldWindow: text(f, fieldWindow), fieldMaxHold: text(f, fieldMaxHold)} {
		if v != nil {
			all[name] = v
		}
	}
	if on := f.Value(fieldBreaker); on != "" {
		all[fieldBreaker] = on == "true"
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// text returns a field, or nil if it is empty.
func text(f *frame.Form, name string) any {
	if v := strings.ReplaceAll(f.Value(name), "\r\n", "\n"); v != "" {
		return v
	}
	return nil
}

// number returns the number in a field, or nil if the field is empty. It fails the field if it is no number.
func number(f *frame.Form, name string) any {
	v := f.Value(name)
	if v == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(v, 64); err != nil || !json.Valid([]byte(v)) {
		f.Fail(name, "Must be a number.")
		return nil
	}
	return json.Number(v)
}

// fields are the fields that the API's messages name.
var fields = []string{fieldName, fieldIntegration, fieldOperator, fieldScore, fieldExpiration, fieldMode, fieldRecover,
	fieldGrace, fieldBreaker, fieldShare, fieldFloor, fieldWindow, fieldMaxHold, fieldRemediation}

// messagePrefixes begin messages of the API, as a form shows them.
var messagePrefixes = []string{"Invalid posture rule request: ", "Access.api.error.invalid_request: "}

// refused notes at its field why the API rejected the form, and reports whether it did.
func refused(f *frame.Form, err error) bool {
	before := f.Problem
	if !f.Refused(err) {
		return false
	}
	for _, prefix := range messagePrefixes {
		if message, found := strings.CutPrefix(f.Problem, prefix); found {
			f.Problem = frame.Capital(message)
		}
	}
	word, rest, _ := strings.Cut(f.Problem, " ")
	name := strings.ToLower(strings.TrimSuffix(word[strings.LastIndex(word, ".")+1:], ":"))
	if slices.Contains(fields, name) {
		f.Problem = before
		f.Fail(name, frame.Capital(rest))
	}
	return true
}
