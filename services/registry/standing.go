package registry

import (
	"time"

	"plumbline.dev/proto"
)

// standing is how a command stands to the cursor.
type standing uint8

const (
	fresh   standing = iota // never begun
	begun                   // the cursor holds a part of it
	applied                 // the cursor holds all of it, and its answer
	settled                 // it came before the cursor's command, and its answer is forgotten
)

// clockStep is by how much the server's clock may have been set back, or its servers' clocks differ,
// before a late repetition would be taken for a command of a new stream.
const clockStep = 30 * time.Second

// standingOf compares a command with the cursor, by its sequence and the time the server stored it.
//
// No command passes an earlier one (doc.go), so a command below the cursor was applied or went to the dead letters; a
// redelivery means a lost acknowledgement. But if the stream was created anew, its sequences start again while the
// cursor stays: such a command was stored after the cursor's.
func standingOf(c *proto.Cursor, seq uint64, storedAt proto.Millis) standing {
	anew := c.StoredAt != 0 && storedAt > c.StoredAt.Add(clockStep)
	switch {
	case seq > c.Seq, anew:
		return fresh
	case seq < c.Seq:
		return settled
	case c.Done:
		return applied
	}
	return begun
}
