package registry

import (
	"fmt"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Config holds the operator's settings. The zero value is usable.
type Config struct {
	// MaxPages is the number of pages in one atomic commit, 1 to 999; 0 means 999. A command with more pages is
	// committed in parts.
	MaxPages int
	// MaxBytes is the approximate size limit of one commit, so a part's pages fit into memory; 0 means 16 MiB. A commit
	// has at least one page, even above the limit.
	MaxBytes int
}

// maxPages leaves room for the cursor in an atomic batch.
const maxPages = topology.MaxBatch - 1

const defaultMaxBytes = 16 << 20

func (c Config) limits() (limits, error) {
	if c.MaxPages < 0 || c.MaxPages > maxPages {
		return limits{}, fmt.Errorf("the registry commits 1 to %d pages at once, not %d", maxPages, c.MaxPages)
	}
	if c.MaxBytes < 0 {
		return limits{}, fmt.Errorf("the registry cannot commit %d bytes at once", c.MaxBytes)
	}
	l := limits{pageSize: proto.PageSize, pages: c.MaxPages, bytes: c.MaxBytes}
	if l.pages == 0 {
		l.pages = maxPages
	}
	if l.bytes == 0 {
		l.bytes = defaultMaxBytes
	}
	return l, nil
}
