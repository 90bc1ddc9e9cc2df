package bus

import (
	"sync"
)

// unreadable counts undecodable records.
type unreadable struct {
	mu    sync.Mutex
	count map[string]uint64            // all so far, by stream
	held  map[string]map[string]uint64 // current ones, as far as known: revisions by stream and key
}

// maxUnreadable limits the number of remembered keys of a stream.
const maxUnreadable = 10_000

// Unreadable reports a record with undecodable content, or content not matching its key. The record is logged with
// its key and counted. The caller decides how to continue and must not stop because of it. On a nil Conn, Unreadable
// does nothing.
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

// replaced forgets the record of a key if its revision is older.
func (u *unreadable) replaced(stream, key string, revision uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if was, ok := u.held[stream][key]; ok && was < revision {
		delete(u.held[stream], key)
	}
}

// UnreadableRecords holds the number of unreadable records of a stream.
type UnreadableRecords struct {
	Stream string
	Ever   uint64 // number of reports so far
	Now    int    // current number, as far as known
}

// UnreadableRecords returns the counts of the records reported to [Conn.Unreadable], by stream.
func (c *Conn) UnreadableRecords() []UnreadableRecords {
	c.unreadable.mu.Lock()
	defer c.unreadable.mu.Unlock()
	var all []UnreadableRecords
	for stream, n := range c.unreadable.count {
		all = append(all, UnreadableRecords{stream, n, len(c.unreadable.held[stream])})
	}
	return all
}
