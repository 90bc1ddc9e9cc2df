package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// term reads the rest of a term after its name and the sign behind it.
func (p *parser) term(name, op token) (Expr, error) {
	field := strings.ToLower(name.text)
	if other, found := aliases[field]; found {
		field = other
	}
	text, known := fieldOf(field)
	flag, isFlag := stateOf(field, StateHeld, StateRevoked)
	switch {
	case field == "score" || field == "age":
		return p.comparison(field, op)
	case !known && !isFlag && field != "check" && field != "outcome":
		return nil, p.fail(name, fmt.Sprintf("unknown property %q", name.text), "use one of check, outcome, name, user, "+
			"serial, mac, ip, id, held, exempt, grace, observe, revoked, score and age, or put the text in quotes")
	case op.sign != ":" && (op.sign != "=" || field == "check"):
		return nil, p.fail(op, fmt.Sprintf("%s cannot be compared with %q", field, op.sign), "write "+field+":")
	}
	value, err := p.value(field)
	if err != nil {
		return nil, err
	}
	lower := strings.ToLower(value.text)
	switch {
	case known:
		return Text{Field: text, Pattern: lower}, nil
	case field == "outcome":
		s, found := stateOf(lower, StateUnknown, StateFail)
		if !found {
			return nil, p.fail(value, fmt.Sprintf("%q is no outcome", value.text), "use pass, fail or unknown")
		}
		return Outcome{s}, nil
	case isFlag:
		if on := slices.Contains([]string{"yes", "true"}, lower); on || slices.Contains([]string{"no", "false"}, lower) {
			return Flag{flag, on}, nil
		}
		return nil, p.fail(value, fmt.Sprintf("%q is not yes or no", value.text), "write "+field+":yes or "+field+":no")
	}
	return p.check(value)
}

// value reads the value of a term.
func (p *parser) value(field string) (token, error) {
	t, more := p.peek()
	if !more || !t.glued || t.sign != "" {
		return t, p.fail(t, "the value of "+field+" is missing", "write it without a blank, in quotes if it has one itself")
	}
	p.next++
	for _, isText := fieldOf(field); isText; { // a MAC address has colons
		colon, more := p.peek()
		if !more || !colon.glued || colon.sign != ":" {
			break
		}
		t.text += ":"
		p.next++
		if rest, more := p.peek(); more && rest.glued && rest.sign == "" && !rest.quoted {
			t.text += rest.text
			p.next++
		}
	}
	return t, nil
}

// check reads the state that a check is compared with.
func (p *parser) check(name token) (Expr, error) {
	if name.text == "" {
		return nil, p.fail(name, "the name of the check is empty", `write check:"NAME"=fail`)
	}
	op, more := p.peek()
	if !more || !op.glued || op.sign != "=" && op.sign != "!=" {
		return nil, p.fail(op, "the state of the check is missing",
			"add =pass, =fail, =unknown, =held, =exempt, =grace or =observe")
	}
	p.next++
	value, err := p.value("check")
	if err != nil {
		return nil, err
	}
	s, found := stateOf(strings.ToLower(value.text), StateUnknown, StateObserve)
	if !found {
		return nil, p.fail(value, fmt.Sprintf("%q is no state of a check", value.text),
			"use pass, fail, unknown, held, exempt, grace or observe")
	}
	return Check{Name: name.text, State: s, Not: op.sign == "!="}, nil
}

// comparison reads a term that compares a number or an age.
func (p *parser) comparison(field string, sign token) (Expr, error) {
	op := Equal
	if n := slices.Index(opNames, sign.sign); n >= 0 {
		op = Op(n)
	} else if sign.sign != ":" {
		return nil, p.fail(sign, fmt.Sprintf("%q is no comparison", sign.sign), "use <, <=, >, >=, = or !=")
	}
	value, err := p.value(field)
	if err != nil {
		return nil, err
	}
	if field == "score" {
		n, err := strconv.Atoi(value.text)
		if err != nil || n < 0 || n > 100 {
			return nil, p.fail(value, fmt.Sprintf("%q is no score", value.text), "use a whole number from 0 to 100")
		}
		return Score{op, n}, nil
	}
	if op == Equal || op == NotEqual {
		return nil, p.fail(sign, "an age cannot be compared for equality", "write age> or age<")
	}
	age, err := readAge(value.text)
	if err != nil {
		return nil, p.fail(value, fmt.Sprintf("%q is no age", value.text), "use one such as 90s, 10m, 36h or 7d")
	}
	return Age{op, age}, nil
}

// maxAge is longer than any log is kept.
const maxAge = 10 * 365 * 24 * time.Hour

// readAge reads a duration, or a number of days such as 7d.
func readAge(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		var n int
		if n, err = strconv.Atoi(days); err == nil {
			d = time.Duration(min(max(n, -1), 3651)) * 24 * time.Hour
		}
	}
	if err == nil && (d < 0 || d > maxAge) {
		err = strconv.ErrRange
	}
	return d, err
}
