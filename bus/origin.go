package bus

import (
	"context"
	"errors"
	"time"
)

// origin reads from a stream what another stream, which copies it by a source, lacks for more than a moment. A copy
// can stand still for a minute after most of the servers were away: its leader asks once for the messages, and waits
// half a minute for an answer that never comes if the copied stream had no leader.
type origin struct {
	stream string
	at     uint64 // in this stream; all matching messages up to it were applied
	asked  time.Time
	lacks  uint64 // the first message that the copy lacked when asked; 0: none
	told   bool   // that the copy stands still
}

// originEvery is the interval of questions whether a copy is complete. What it lacks twice in a row is read from the
// origin.
const originEvery = time.Second

// read notes a message of the copy.
func (o *origin) read(c *Conn, m *Msg) {
	seq, err := LogSequence(m)
	if o.stream == "" || err != nil {
		return
	}
	c.unreadable.replaced(o.stream, keyIn(m.Subject), seq)
	o.at, o.told = max(o.at, seq), false
}

// overtake applies the messages that the copy lacks. An origin that does not answer is asked again later: a copy has
// nothing new then, either. A copy without any message is left to fill itself.
func (o *origin) overtake(ctx context.Context, c *Conn, filter string, apply func(*Msg) error) error {
	if o.stream == "" || o.at == 0 || time.Since(o.asked) < originEvery {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	m, err := c.LeaderNext(bounded, o.stream, filter, o.at)
	o.asked = time.Now()
	switch {
	case err != nil:
		o.lacks = 0
		return nil
	case m.Seq != o.lacks:
		o.lacks = m.Seq
		return nil
	}
	if !o.told {
		o.told = true
		c.log.Warn("a copy of a stream stands still, reading the stream", "stream", o.stream, "after", o.at)
	}
	for o.lacks = 0; err == nil; m, err = c.LeaderNext(ctx, o.stream, filter, o.at) {
		if err := apply(m); err != nil {
			return err
		}
		o.at = m.Seq
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
