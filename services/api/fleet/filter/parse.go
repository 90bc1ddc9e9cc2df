package filter

import (
	"fmt"
	"strings"
)

// Parse reads a filter. An empty one is All{}, which holds for every device. The error is an [*Error].
func Parse(text string) (Expr, error) {
	if len(text) > MaxLength {
		return nil, failed("", 0, "the filter is too long", fmt.Sprintf("shorten it to %d bytes", MaxLength))
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	if len(tokens) == 0 {
		return All{}, nil
	}
	e, err := p.any(0)
	if err != nil {
		return nil, err
	}
	if t, more := p.peek(); more {
		return nil, p.fail(t, `")" has no "("`, "remove it, or put it in quotes")
	}
	return e, nil
}

type parser struct {
	text   string
	tokens []token
	next   int
	terms  int
	anys   int // terms without a property
}

func (p *parser) peek() (token, bool) {
	if p.next == len(p.tokens) {
		return token{at: len(p.text)}, false
	}
	return p.tokens[p.next], true
}

func (p *parser) fail(t token, problem, remedy string) *Error {
	return failed(p.text, t.at, problem, remedy)
}

// word reports whether the next token is a word of the language, and skips it.
func (p *parser) word(name string) bool {
	t, more := p.peek()
	if !more || t.quoted || t.text != name {
		return false
	}
	p.next++
	return true
}

func (p *parser) any(depth int) (Expr, error) {
	if depth > maxDepth {
		t, _ := p.peek()
		return nil, p.fail(t, "the filter is nested too deeply", fmt.Sprintf("use at most %d levels", maxDepth))
	}
	var all Any
	for {
		e, err := p.all(depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, e); !p.word("OR") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) all(depth int) (Expr, error) {
	var all All
	for {
		e, err := p.not(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
		if p.word("AND") {
			continue
		}
		if t, more := p.peek(); !more || t.sign == ")" || !t.quoted && t.text == "OR" {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) not(depth int) (Expr, error) {
	if depth > maxDepth {
		t, _ := p.peek()
		return nil, p.fail(t, "the filter is nested too deeply", fmt.Sprintf("use at most %d levels", maxDepth))
	}
	t, more := p.peek()
	switch {
	case !more:
		return nil, p.fail(t, "a term is missing", `add one, such as name:laptop*`)
	case t.sign == "-", !t.quoted && t.text == "NOT":
		p.next++
		e, err := p.not(depth + 1)
		if inner, double := e.(Not); double {
			return inner.Of, err
		}
		return Not{e}, err
	case t.sign == "(":
		p.next++
		e, err := p.any(depth + 1)
		if err != nil {
			return nil, err
		}
		if end, more := p.peek(); !more || end.sign != ")" {
			return nil, p.fail(t, `"(" is not closed`, `add ")"`)
		}
		p.next++
		return e, nil
	case t.sign != "":
		return nil, p.fail(t, fmt.Sprintf("%q stands where a term is expected", t.sign),
			"write a term such as name:laptop*, or put the text in quotes")
	case !t.quoted && isWord(t.text):
		return nil, p.fail(t, t.text+" stands where a term is expected", "add a term before it, or put the word in quotes")
	}
	p.next++
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(t, "the filter has too many terms", fmt.Sprintf("use at most %d", MaxTerms))
	}
	op, more := p.peek()
	if t.quoted || !more || !op.glued || op.sign == "" || op.sign == "(" || op.sign == ")" || op.sign == "-" {
		if p.anys++; p.anys > MaxAnyTerms {
			return nil, p.fail(t, "the filter has too many terms without a property",
				fmt.Sprintf("name the property, as in name:laptop*, or use at most %d", MaxAnyTerms))
		}
		return Text{Field: FieldAny, Pattern: strings.ToLower(t.text)}, nil
	}
	p.next++
	return p.term(t, op)
}
