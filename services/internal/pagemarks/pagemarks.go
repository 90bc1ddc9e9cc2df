// Package pagemarks compares the pages of the DEVICES bucket with the marks committed with them by the registry. A
// page missing, or older than its mark, was lost: a block of the store was damaged, or restored from a copy.
package pagemarks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Remedy is advice about a loss.
const Remedy = "restore a backup; or start once with --accept-loss (plumb up, plumb stack provision), " +
	"then import the devices and configure again what is missing"

// Loss is a lost page.
type Loss struct {
	Account proto.Account
	Page    topology.PageNumber
	Devices int  // in the lost version
	Older   bool // a different version exists; otherwise nothing does
}

// Find returns the pages not matching their marks in a cursor of the given revision. held returns the current
// revision and mark of a page, zero if there is none. A page newer than the cursor is never lost: the registry
// commits another cursor with it, or an operator has repaired it.
func Find(
	c *proto.Cursor, revision uint64, held func(proto.Account, topology.PageNumber) (uint64, proto.PageMark),
) []Loss {
	if !c.Counted {
		return nil
	}
	var lost []Loss
	for _, a := range c.Accounts {
		for n, want := range a.Pages {
			if want == (proto.PageMark{}) {
				continue
			}
			at, got := held(a.Account, topology.PageNumber(n))
			if at > revision || got == want {
				continue
			}
			lost = append(lost, Loss{Account: a.Account, Page: topology.PageNumber(n), Devices: want.Devices, Older: at != 0})
		}
	}
	return lost
}

// shown is the maximum number of pages to name per account.
const shown = 20

// Describe returns one sentence for each account with lost pages.
func Describe(lost []Loss) []string {
	var all []string
	for len(lost) > 0 {
		n := slices.IndexFunc(lost, func(l Loss) bool { return l.Account != lost[0].Account })
		if n < 0 {
			n = len(lost)
		}
		all = append(all, describe(lost[:n]))
		lost = lost[n:]
	}
	return all
}

func describe(lost []Loss) string {
	devices, older := 0, 0
	var pages []string
	for i, l := range lost {
		devices += l.Devices
		if l.Older {
			older++
		}
		if i < shown {
			pages = append(pages, strconv.FormatUint(uint64(l.Page), 10))
		}
	}
	if more := len(lost) - len(pages); more > 0 {
		pages = append(pages, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("DEVICES: account %s had %d devices in %d pages of which %d are missing "+
		"and %d are older than they were (pages %s)",
		lost[0].Account, devices, len(lost), len(lost)-older, older, strings.Join(pages, ", "))
}
