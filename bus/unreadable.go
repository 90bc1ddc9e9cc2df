package bus

import (
	"maps"
	"sync"
)

// unreadable counts records that cannot be decoded, by stream.
type unreadable struct {
	mu    sync.Mutex
	count map[string]uint64
}

// Unreadable reports a record that cannot be decoded, or is not what its key names: it is logged with its key and
// counted. What it means for those who read it is theirs to decide; it never ends them.
// A nil Conn reports nothing.
func (c *Conn) Unreadable(stream, key string, revision uint64, err error) {
	if c == nil {
		return
	}
	c.unreadable.mu.Lock()
	if c.unreadable.count == nil {
		c.unreadable.count = map[string]uint64{}
	}
	c.unreadable.count[stream]++
	c.unreadable.mu.Unlock()
	c.log.Error("unreadable record", "stream", stream, "key", key, "revision", revision, "err", err)
}

// UnreadableRecords counts the records that [Conn.Unreadable] was told of, by stream.
func (c *Conn) UnreadableRecords() map[string]uint64 {
	c.unreadable.mu.Lock()
	defer c.unreadable.mu.Unlock()
	return maps.Clone(c.unreadable.count)
}
