package trial

import (
	"cmp"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/evaluator/trial"
)

// flipping keeps the first flipping devices, by page and place on the page, whatever the order of the pages.
type flipping struct {
	limit int
	all   []flip
}

type flip struct {
	page topology.PageNumber
	trial.Flip
}

// add adds the flips of a page. It keeps at most twice the limit and one page.
func (f *flipping) add(page topology.PageNumber, flips []trial.Flip) {
	if f.limit == 0 {
		return
	}
	for _, one := range flips[:min(len(flips), f.limit)] {
		f.all = append(f.all, flip{page, one})
	}
	if len(f.all) > 2*f.limit {
		f.first()
	}
}

// first returns the first devices, as many as the limit.
func (f *flipping) first() []flip {
	slices.SortFunc(f.all, func(a, b flip) int {
		return cmp.Or(cmp.Compare(a.page, b.page), cmp.Compare(a.Result, b.Result))
	})
	f.all = f.all[:min(len(f.all), f.limit)]
	return f.all
}
