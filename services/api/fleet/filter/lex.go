package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a filter.
const (
	MaxLength = 2000 // bytes
	MaxTerms  = 64
	// MaxAnyTerms bounds the terms without a property: each is compared with every property of every device.
	MaxAnyTerms = 8
	maxDepth    = 32
)

// Error is an error in a filter.
type Error struct {
	At      int // character from 1
	Problem string
	Remedy  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("filter, character %d: %s: %s", e.At, e.Problem, e.Remedy)
}

// token is a part of a filter: a sign, or a value.
type token struct {
	at     int    // byte offset
	sign   string // "(", ")", "-", ":", a comparison, or "" for a value
	text   string // of a value
	quoted bool
	glued  bool // no blank stands before it
}

// special reports whether a character ends a value without quotes.
func special(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`()":=!<>\`, r) || r == utf8.RuneError
}

func isWord(text string) bool { return text == "AND" || text == "OR" || text == "NOT" }

// lex splits a filter into tokens.
func lex(text string) (all []token, err error) {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		t := token{at: at, glued: at > 0 && len(all) > 0 && all[len(all)-1].end(text) == at}
		switch {
		case unicode.IsSpace(r):
			at += size
			continue
		case r == utf8.RuneError || unicode.IsControl(r):
			return nil, failed(text, at, "the character is not text", "remove it")
		case r == '"':
			if t.text, size = unquote(text[at:]); size < 0 {
				return nil, failed(text, at, "the quote is not closed", `add " at its end`)
			}
			t.quoted = true
		case strings.ContainsRune("():=!<>", r), r == '-' && !t.gluedToValue(all):
			if t.sign = text[at : at+1]; strings.HasPrefix(text[at+1:], "=") && strings.ContainsRune("!<>", r) {
				t.sign = text[at : at+2]
			}
			size = len(t.sign)
		case special(r):
			return nil, failed(text, at, fmt.Sprintf("%q stands outside of quotes", r), `put the value in quotes: "..."`)
		default:
			if size = strings.IndexFunc(text[at:], special); size < 0 {
				size = len(text) - at
			}
			t.text = text[at : at+size]
		}
		all, at = append(all, t), at+size
	}
	return all, nil
}

// gluedToValue reports whether the token continues the one before it, so that a - is text: in user:-x.
func (t token) gluedToValue(before []token) bool {
	if !t.glued || len(before) == 0 {
		return false
	}
	sign := before[len(before)-1].sign
	return sign != "(" && sign != "-"
}

// end returns the offset behind a token.
func (t token) end(text string) int {
	switch {
	case t.quoted:
		_, size := unquote(text[t.at:])
		return t.at + size
	case t.sign != "":
		return t.at + len(t.sign)
	}
	return t.at + len(t.text)
}

// unquote returns the value that begins with a quote, and its length with the quotes; -1 if it does not end.
func unquote(text string) (value string, size int) {
	var b strings.Builder
	for n := 1; n < len(text); n++ {
		switch {
		case text[n] == '"':
			return b.String(), n + 1
		case text[n] == '\\' && n+1 < len(text) && (text[n+1] == '"' || text[n+1] == '\\'):
			n++
		}
		b.WriteByte(text[n])
	}
	return "", -1
}

// failed returns the error at an offset.
func failed(text string, at int, problem, remedy string) *Error {
	return &Error{At: utf8.RuneCountInString(text[:at]) + 1, Problem: problem, Remedy: remedy}
}
