package column

import "plumbline.dev/proto"

// maxScore is the highest score of a scoring API.
const maxScore = 100

// Histogram counts devices by their score from one integration. The zero value is empty.
type Histogram struct {
	Scores [maxScore + 1]int // by score
	None   int               // devices without a score
}

// Add counts the rows of a page by their score from an integration. Revoked devices are not counted.
func (h *Histogram) Add(p *Page, rows Rows, integration proto.ID) {
	var of *Results
	for _, r := range p.Results {
		if r.Integration == integration {
			of = r
		}
	}
	rows.each(func(row int) {
		switch {
		case row >= p.Text.Active:
		case of == nil || of.scores[row] < 0:
			h.None++
		default:
			h.Scores[min(int(of.scores[row]), maxScore)]++
		}
	})
}
