package check

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/chart"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// effect is what the form would do to the devices, by their newest scores.
type effect struct {
	Parts, Query      string // the path and the query of the exact trial
	Chart             template.HTML
	Ranges            []chart.Range
	Devices           int // with a score
	None              int // without a score
	Passing, Failing  int
	MoreFail          int // against the stored check; negative if fewer fail
	Compared, Changed bool
	Threshold         string
	Limit             string // of the breaker
	Denied            bool   // the person may not read scores
	Live              bool   // the form has changed: the exact trial loads by itself
}

func effectOfStored(r *frame.Request) error {
	item, err := load(r)
	if err != nil {
		return err
	}
	byID, err := counts(r)
	if err != nil {
		return err
	}
	return sendEffect(r, &detail{state: state{Check: item.Value, Counts: byID[item.Value.ID]}, Form: queried(r)})
}

func effectOfNew(r *frame.Request) error { return sendEffect(r, &detail{New: true, Form: queried(r)}) }

func sendEffect(r *frame.Request, d *detail) error {
	e, err := effectOf(r, d, true)
	if err != nil {
		return err
	}
	d.Effect = e
	return r.Fragment(set, "effect", d, 0)
}

// queried returns the form in the query.
func queried(r *frame.Request) *frame.Form {
	return &frame.Form{Values: r.URL.Query(), Errors: map[string]string{}}
}

// effectOf counts what the form would decide from the distribution of the scores. It knows neither grace nor
// exemptions: the trial does.
func effectOf(r *frame.Request, d *detail, live bool) (*effect, error) {
	e := &effect{Parts: d.Parts(), Query: trialQuery(d.Form).Encode(), Threshold: d.Form.Value(fieldScore), Live: live}
	integration, operator := d.Form.Value(fieldIntegration), d.Form.Value(fieldOperator)
	score, err := strconv.ParseFloat(e.Threshold, 64)
	if integration == "" || err != nil {
		return e, nil
	}
	scores, err := r.API.Scores(r.Context(), integration)
	if denied(err) {
		e.Denied = true
		return e, nil
	}
	if err != nil {
		return nil, err
	}
	passes := passing(operator, score)
	e.None, e.Ranges = scores.None, chart.Ranges(scores.Scores)
	before := func(int) bool { return true }
	if e.Compared = !d.New && d.Input.Integration == integration; e.Compared {
		old, _ := d.Input.Score.Float64()
		before = passing(d.Input.Operator, old)
		e.Changed = d.Input.Operator != operator || old != score
	}
	for s, n := range scores.Scores {
		e.Devices += n
		if passes(s) {
			e.Passing += n
		} else {
			e.Failing += n
		}
		if before(s) && !passes(s) {
			e.MoreFail += n
		} else if !before(s) && passes(s) {
			e.MoreFail -= n
		}
	}
	e.Chart = chart.Histogram(fmt.Sprintf("Devices by score: %d pass and %d fail at %s %s", e.Passing, e.Failing,
		operatorWord(operator), e.Threshold), scores.Scores, passes, operator, score, "f-score")
	e.Limit, err = limitOf(r, d.Form)
	return e, err
}

// Fewer returns how many devices fewer would fail.
func (e *effect) Fewer() int { return -e.MoreFail }

// passing returns the condition of an operator and a threshold.
func passing(operator string, threshold float64) func(int) bool {
	return func(s int) bool {
		score := float64(s)
		switch operator {
		case ">=":
			return score >= threshold
		case ">":
			return score > threshold
		case "<=":
			return score <= threshold
		case "<":
			return score < threshold
		}
		return score == threshold
	}
}

// limitOf returns what a poll may change before the breaker holds it: by the form, else by the account.
func limitOf(r *frame.Request, f *frame.Form) (string, error) {
	account := map[string]any{}
	o, err := r.API.Objects(client.KindOrganization).Get(r.Context(), "")
	if err != nil && !denied(err) && !client.IsNotFound(err) {
		return "", err
	}
	if b, ok := o.Value["x_breaker"].(map[string]any); ok {
		account = b
	}
	of := func(name, other string) string {
		if v := f.Value(name); v != "" {
			return v
		}
		if v, found := account[name]; found && v != nil {
			return fmt.Sprint(v)
		}
		return other
	}
	if of(fieldBreaker, "true") == "false" {
		return "off", nil
	}
	d := proto.DefaultBreaker()
	share, err := strconv.ParseFloat(of(fieldShare, fmt.Sprint(d.Share)), 64)
	if err != nil {
		share = d.Share
	}
	return fmt.Sprintf("%s %% of a page, or %s devices", strconv.FormatFloat(100*share, 'f', -1, 64),
		of(fieldFloor, fmt.Sprint(d.Floor))), nil
}

// trialQuery returns the fields of a form that decide outcomes.
func trialQuery(f *frame.Form) url.Values {
	q := url.Values{}
	for _, name := range []string{fieldIntegration, fieldOperator, fieldScore, fieldExpiration, fieldMode, fieldRecover,
		fieldGrace} {
		q.Set(name, f.Value(name))
	}
	return q
}

// trialRequest returns the trial of a form; id is of the stored check, "" for a new one.
func trialRequest(id string, f *frame.Form) client.TrialRequest {
	q := client.TrialRequest{RuleID: id, Rule: bodyOf(f)}
	for name := range q.Rule { // what decides no outcome
		if slices.Contains([]string{"name", "x_breaker", fieldRemediation}, name) {
			delete(q.Rule, name)
		}
	}
	if id == "" {
		q.Rule["type"], q.Rule["name"] = proto.TypeCustomS2S, "trial"
	}
	return q
}

// trial is the data of an exact trial.
type trial struct {
	client.Trial
	Problem string
}

func trialOfStored(r *frame.Request) error { return try(r, r.PathValue("id")) }
func trialOfNew(r *frame.Request) error    { return try(r, "") }

// listed is how many flipping devices a trial lists.
const listed = 50

func try(r *frame.Request, id string) error {
	f, t := queried(r), trial{}
	q := trialRequest(id, f)
	q.Limit = listed
	result, err := r.API.Try(r.Context(), q)
	switch {
	case refused(f, err) || !f.OK():
		t.Problem = problemOf(f)
	case denied(err):
		t.Problem = "You may not read scores."
	case err != nil:
		return err
	}
	t.Trial = result.Value
	if r.Fragmented() {
		return r.Fragment(set, "trial", t, 0)
	}
	return r.Page(frame.Page{Title: "Devices that would flip", Nav: root,
		Crumbs: []frame.Crumb{{Text: "Checks", Path: root}}, Set: set, Name: "trial-page", Data: t})
}

// problemOf returns the first problem of a form.
func problemOf(f *frame.Form) string {
	if f.Problem != "" {
		return f.Problem
	}
	for _, name := range fields {
		if text := f.Errors[name]; text != "" {
			return name + ": " + text
		}
	}
	return ""
}
