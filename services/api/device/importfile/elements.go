package importfile

import (
	"bufio"
	"errors"
	"io"
)

// elements splits a JSON array into its elements. It examines only brackets, commas and strings; the row's parser
// validates each element. Memory is bounded by [MaxLine] for any array.
type elements struct {
	r     *bufio.Reader
	line  int // of the next byte, from 1
	start int // line of the beginning of the last element
	state arrayState
	buf   []byte
}

type arrayState int

const (
	beforeArray arrayState = iota
	inArray
	afterArray
)

func (e *elements) number() int { return max(e.start, 1) }

func (e *elements) read() (byte, error) {
	c, err := e.r.ReadByte()
	if err == nil && c == '\n' {
		e.line++
	}
	return c, err
}

// nextByte returns the next byte, skipping white space.
func (e *elements) nextByte() (byte, error) {
	for {
		c, err := e.read()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

func (e *elements) next() ([]byte, bool, error) {
	if e.state == beforeArray {
		if err := e.open(); err != nil {
			return nil, false, err
		}
	}
	if e.state == afterArray {
		if _, err := e.nextByte(); err != nil {
			return nil, false, err // io.EOF is expected
		}
		return nil, false, &FormatError{"something follows the JSON array"}
	}
	c, err := e.nextByte()
	if err != nil {
		return nil, false, unfinished(err)
	}
	if c == ']' && e.start == 0 {
		e.state = afterArray
		return e.next()
	}
	e.start = e.line
	return e.element(c)
}

// open reads up to the array's first bracket.
func (e *elements) open() error {
	if mark, err := e.r.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = e.r.Discard(3)
	}
	head, err := e.r.Peek(64)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if kind := otherFormat(head); kind != "" {
		return &FormatError{kind}
	}
	c, err := e.nextByte()
	switch {
	case errors.Is(err, io.EOF):
		return &FormatError{"the list is empty: a JSON array of devices is needed"}
	case err != nil:
		return err
	case c != '[':
		return &FormatError{"the list is not a JSON array: send a JSON object on each line as application/x-ndjson"}
	}
	e.state = inArray
	return nil
}

// element reads the element beginning with c, and the following comma or bracket.
func (e *elements) element(c byte) (text []byte, tooLong bool, err error) {
	e.buf = e.buf[:0]
	var depth int
	var inString, escaped bool
	for {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == ']'):
			if c == ']' {
				e.state = afterArray
			}
			return e.buf, tooLong, nil
		case c == '}' || c == ']':
			depth--
		}
		if tooLong = tooLong || len(e.buf) == MaxLine; !tooLong {
			if c == '\n' || c == '\r' {
				c = ' ' // white space between the members of an object
			}
			e.buf = append(e.buf, c)
		}
		if c, err = e.read(); err != nil {
			return nil, false, unfinished(err)
		}
	}
}

func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return &FormatError{"the JSON array is not closed: the list is cut off"}
	}
	return err
}
