package bus

import (
	"sync"
)

// unreadable are the records that cannot be decoded.
type unreadable struct {
	mu    sync.Mutex
	count map[string]uint64            // ever, by stream
	held  map[string]map[string]uint64 // those that are there as far as is known: revisions by stream and key
}

// maxUnreadable bounds the keys that are remembered of a stream.
const maxUnreadable = 10_000

// Unreadable reports a record that cannot be decoded, or is not what its key names: it is logged with its key and
// counted. What it means for those who read it is theirs to decide; it never ends them. A nil Conn reports nothing.
func (c *Conn) Unreadable(stream, key string, revision uint64, err error) {
	if c == nil {
		return
	}
	c.unreadable.note(stream, key, revision)
	c.log.Error("unreadable record", "stream", stream, "key", key, "revision", revision, "err", err)
}

func (u *unreadable) note(stream, key string, revision uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == nil {
		u.count, u.held = map[string]uint64{}, map[string]map[string]uint64{}
	}
	u.count[stream]++
	if u.held[stream] == nil {
		u.held[stream] = map[string]uint64{}
	}
	if len(u.held[stream]) < maxUnreadable {
		u.held[stream][key] = revision
	}
}

// replaced forgets the record of a key if its revision is an older one.
func (u *unreadable) replaced(stream, key string, revision uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if was, ok := u.held[stream][key]; ok && was < revision {
		delete(u.held[stream], key)
	}
}

// UnreadableRecords are the unreadable records of a stream.
type UnreadableRecords struct {
	Stream string
	Ever   uint64 // how often one was reported
	Now    int    // how many are there, as far as is known
}

// UnreadableRecords counts what [Conn.Unreadable] was told of, by stream.
func (c *Conn) UnreadableRecords() []UnreadableRecords {
	c.unreadable.mu.Lock()
	defer c.unreadable.mu.Unlock()
	var all []UnreadableRecords
	for stream, n := range c.unreadable.count {
		all = append(all, UnreadableRecords{stream, n, len(c.unreadable.held[stream])})
	}
	return all
}
