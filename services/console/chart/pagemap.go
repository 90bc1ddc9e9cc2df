package chart

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
)

// Freshness is how recent the newest answer about a page of devices is. Larger values are worse.
type Freshness uint8

// The values of [Freshness].
const (
	NoPage    Freshness = iota // the page number is not in use
	ThisPoll                   // the page has the newest poll
	OneBehind                  // the page has the poll before
	Unpolled                   // the page was never polled
	TwoBehind                  // the page has an older poll
	Failed                     // the page's newest call failed
	Overdue                    // the page has no poll within twice the interval
	levels
)

// Freshnesses are the values with a colour, in the order of a legend.
var Freshnesses = []Freshness{ThisPoll, OneBehind, TwoBehind, Overdue, Failed, Unpolled}

var freshnessTexts = [levels]struct{ class, name string }{
	NoPage: {"", "no page"}, ThisPoll: {"m0", "this poll"}, OneBehind: {"m1", "one behind"},
	TwoBehind: {"m2", "two behind"}, Overdue: {"m3", "overdue"}, Failed: {"m4", "call failed"},
	Unpolled: {"m5", "not polled yet"},
}

// Class returns the class of the colour; empty for [NoPage].
func (f Freshness) Class() string { return freshnessTexts[min(f, levels-1)].class }

// String returns the words of the legend.
func (f Freshness) String() string { return freshnessTexts[min(f, levels-1)].name }

// freshnessCodes are the characters of the API for a page.
var freshnessCodes = map[byte]Freshness{'.': NoPage, '0': ThisPoll, '1': OneBehind, '2': TwoBehind, '3': Overdue,
	'e': Failed, '-': Unpolled}

// ParseFreshness reads the API's text of an integration's pages: one character for each, from page 0. A character of a
// later version is read as [Unpolled].
func ParseFreshness(text string) []Freshness {
	all := make([]Freshness, len(text))
	for n := range text {
		f, known := freshnessCodes[text[n]]
		if !known {
			f = Unpolled
		}
		all[n] = f
	}
	return all
}

// Bounds of a map: its columns, its squares, and the unit of its view box that a square takes with its gap.
const (
	mapColumns     = 80
	mapWideColumns = 160 // for more than mapWide squares
	mapWide        = 1600
	mapSquares     = 12_800
	mapUnit        = 8
)

// PageMap draws one square for each page, in rows, with a colour for its freshness. Runs of equal squares are merged
// into one path for each colour, so that a map of 1,000 pages has at most 12 KB, and usually 1 KB. For more than 12,800
// pages, a square stands for several and has the colour of the worst. Without pages the result is empty.
func PageMap(label string, pages []Freshness) template.HTML {
	if len(pages) == 0 {
		return ""
	}
	squares := pages
	if each := (len(pages) + mapSquares - 1) / mapSquares; each > 1 {
		squares = nil
		for some := range slices.Chunk(pages, each) {
			squares = append(squares, slices.Max(some))
		}
		label += fmt.Sprintf(", %d pages a square", each)
	}
	columns := mapColumns
	if len(squares) > mapWide {
		columns = mapWideColumns
	}
	rows := (len(squares) + columns - 1) / columns
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="map" viewBox="0 0 %d %d" role="img" aria-label="%s">`, columns*mapUnit-1,
		rows*mapUnit-1, template.HTMLEscapeString(label+": "+Legend(pages)))
	// The dashes of a path begin anew at each of its lines: a line over n squares is n dashes with their gaps.
	b.WriteString(`<g fill="none" stroke-width="7" stroke-dasharray="7 1">`)
	for _, f := range Freshnesses {
		if path := runs(squares, columns, f); path != "" {
			b.WriteString(`<path class="` + f.Class() + `" d="` + path + `"><title>` + f.String() + `</title></path>`)
		}
	}
	b.WriteString(`</g></svg>`)
	return template.HTML(b.String()) //nolint:gosec // the label is escaped, the rest are numbers and constants
}

// runs returns the path of the squares with a freshness.
func runs(squares []Freshness, columns int, f Freshness) string {
	var b strings.Builder
	for from := 0; from < len(squares); {
		if squares[from] != f {
			from++
			continue
		}
		to := from + 1
		for to < len(squares) && squares[to] == f && to%columns != 0 {
			to++
		}
		b.WriteByte('M')
		b.WriteString(strconv.Itoa(from % columns * mapUnit))
		b.WriteByte(' ')
		b.WriteString(unit(float64(from/columns*mapUnit) + 3.5))
		b.WriteByte('h')
		b.WriteString(strconv.Itoa((to-from)*mapUnit - 1))
		from = to
	}
	return b.String()
}

// Legend returns the number of pages of each freshness in words, without those that no page has.
func Legend(pages []Freshness) string {
	var parts []string
	for _, c := range CountPages(pages) {
		parts = append(parts, thousands(c.Pages)+" "+c.String())
	}
	if len(parts) == 0 {
		return "no pages"
	}
	return strings.Join(parts, ", ")
}

// PageCount is the number of pages of one freshness.
type PageCount struct {
	Freshness
	Pages int
	// First are the numbers of the first pages, at most ten.
	First []int
}

// CountPages returns the pages of each freshness that some page has, in the order of the legend.
func CountPages(pages []Freshness) []PageCount {
	var counts [levels]PageCount
	for n, f := range pages {
		c := &counts[min(f, levels-1)]
		if c.Pages++; len(c.First) < 10 {
			c.First = append(c.First, n)
		}
	}
	var all []PageCount
	for _, f := range Freshnesses {
		if c := counts[f]; c.Pages > 0 {
			c.Freshness = f
			all = append(all, c)
		}
	}
	return all
}
