// Package pagemarks compares the pages of the DEVICES bucket with the marks that the registry committed with them. A
// page that is missing, or older than its mark, was lost: a block of the store was damaged, or put back from a copy.
package pagemarks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Remedy is what to do about a loss.
const Remedy = "restore a backup; or start once with --accept-loss (plumb up, plumb stack provision), then import the devices " +
	"and configure again what is missing"

// Loss is a page that is not what the registry wrote.
type Loss struct {
	Account proto.Account
	Page    topology.PageNumber
	Devices int  // that the page had
	Older   bool // another version is there; otherwise nothing is
}

// Find returns the pages that a cursor of a given revision names and that are not as it says. held returns the
// revision and the mark of a page as it is, zero if there is none. A page that was written after the cursor is as it
// should be: its registry commits another cursor with it, or somebody repaired it.
func Find(c *proto.Cursor, revision uint64, held func(proto.Account, topology.PageNumber) (uint64, proto.PageMark)) []Loss {
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

// shown is how many pages of an account are named.
const shown = 20

// Describe returns a sentence for each account that lost pages.
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
	return fmt.Sprintf("DEVICES: account %s had %d devices in %d pages of which %d are missing and %d are older than they were (pages %s)",
		lost[0].Account, devices, len(lost), len(lost)-older, older, strings.Join(pages, ", "))
}
