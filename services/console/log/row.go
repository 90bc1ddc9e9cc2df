package log

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
)

// row is a line as the table shows it.
type row struct {
	At    time.Time
	Cells []cell
	Links []link
	JSON  string // every member of the line
}

// ID returns the id of the element with the details: lines with the same members have the same.
func (r row) ID() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.JSON)) // it never fails
	return "line-" + strconv.FormatUint(h.Sum64(), 36)
}

// cell is a cell of the table: a pill or a text, which may lead somewhere, with a smaller text below.
type cell struct {
	Kind string // of the pill; "" is no pill
	Text string
	Path string
	Sub  string
}

// link leads from the details of a line to what it is about, or narrows the list.
type link struct{ Text, Path string }

// textOf returns a value of JSON as text: "" for null, and JSON for lists and objects.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// pretty returns JSON with a member on each line.
func pretty(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// timeAt returns the time of a member; the zero time if it has none.
func (l line) timeAt(path string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, l.text(path))
	if err != nil {
		return time.Time{}
	}
	return at
}

// instantOf returns the time of a field for a date and a time, in UTC, as the API reads it; "" if it is none.
func instantOf(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// shortID returns the beginning of an id, for a column.
func shortID(id string) string {
	if len(id) > 8 {
		return id[:8] + "…"
	}
	return id
}
