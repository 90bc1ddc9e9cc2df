package registry

import (
	"fmt"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Config is what an operator decides about the registry. The zero value is usable.
type Config struct {
	// MaxPages is how many pages one atomic commit may touch; a command that touches more is committed in
	// parts. 1 to 999, 0 means 999.
	MaxPages int
	// MaxBytes is about how large one commit may become, so that a part's pages fit into memory; 0 means
	// 16 MiB. A page is always taken, however small the bound.
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
