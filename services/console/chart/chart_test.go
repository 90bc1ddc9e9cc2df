package chart

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// wellFormed fails the test unless the markup is XML, and returns the number of its elements of a name.
func wellFormed(t *testing.T, markup, name string) int {
	t.Helper()
	d, n := xml.NewDecoder(strings.NewReader(markup)), 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatalf("%v in %s", err, markup)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			n++
		}
	}
}

func TestBarShowsEachPart(t *testing.T) {
	hostile := `"><script>alert(1)</script>`
	got := string(Bar(hostile, []Part{{"b-pass", "pass", 1_000_000}, {"b-fail", hostile, 1}, {"b-unk", "unknown", 0}}))
	if n := wellFormed(t, got, "rect"); n != 2 || strings.Contains(got, "<script") {
		t.Errorf("%d parts: %s", n, got)
	}
	if !strings.Contains(got, `class="b-fail" x="637" y="0" width="3"`) {
		t.Errorf("one of a million is not seen: %s", got)
	}
	if n := wellFormed(t, string(Bar("none", nil)), "rect"); n != 1 {
		t.Error("nothing is not drawn")
	}
}

func TestSparkOfEqualValuesIsALine(t *testing.T) {
	if got := string(Spark([]float64{5, 5, 5})); !strings.Contains(got, `points="0,12 50,12 100,12"`) {
		t.Error(got)
	}
	if got := string(Spark([]float64{0, 10})); !strings.Contains(got, `points="0,22 100,2"`) {
		t.Error(got)
	}
	if Spark([]float64{1}) != "" {
		t.Error("one value has no course")
	}
}
