package registry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/pagemarks"
)

// errLost is why no command is applied while pages are missing: a commit would mark what is left as complete.
var errLost = errors.New("the store lost devices")

func (r *pageRecord) mark() proto.PageMark {
	if r.sum == 0 {
		return proto.PageMark{}
	}
	return proto.PageMark{Sum: r.sum, Devices: len(r.ids)}
}

// marks are those of every page, with what is about to be written of an account. Those that the cursor has are kept
// unless the page was written since: they show what was lost. The lock is held.
func (x *index) marks(a proto.Account, changed map[topology.PageNumber]proto.PageMark) []proto.AccountPages {
	pages := map[proto.Account][]proto.PageMark{a: nil}
	set := func(a proto.Account, n int, mark proto.PageMark) {
		for len(pages[a]) <= n {
			pages[a] = append(pages[a], proto.PageMark{})
		}
		pages[a][n] = mark
	}
	if x.cursor.Counted {
		for _, known := range x.cursor.Accounts {
			pages[known.Account] = slices.Clone(known.Pages)
		}
	}
	for account, inv := range x.accounts {
		for n := range inv.pages {
			if !x.cursor.Counted || inv.pages[n].revision > x.fence {
				set(account, n, inv.pages[n].mark())
			}
		}
	}
	for n, mark := range changed {
		set(a, int(n), mark)
	}
	var all []proto.AccountPages
	for account, marks := range pages {
		if len(marks) > 0 {
			all = append(all, proto.AccountPages{Account: account, Pages: marks})
		}
	}
	slices.SortFunc(all, func(a, b proto.AccountPages) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	return all
}

// missing returns an error if pages of an account that of selects are not as the cursor says. The lock is held.
func (x *index) missing(of func(proto.Account) bool) error {
	lost := pagemarks.Find(&x.cursor, x.fence, func(a proto.Account, n topology.PageNumber) (uint64, proto.PageMark) {
		inv := x.of(a)
		if _, unreadable := inv.damaged[n]; unreadable || int(n) >= len(inv.pages) {
			return 0, proto.PageMark{}
		}
		return inv.pages[n].revision, inv.pages[n].mark()
	})
	lost = slices.DeleteFunc(lost, func(l pagemarks.Loss) bool { return !of(l.Account) })
	if len(lost) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s. To go on: %s", errLost, strings.Join(pagemarks.Describe(lost), "; "), pagemarks.Remedy)
}

// complete returns an error if pages of any account are missing.
func (x *index) complete() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.missing(func(proto.Account) bool { return true })
}
