package servicetoken

import (
	"maps"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// LastSeen is a view of the records of [Seen], for every account. It is safe for concurrent use.
type LastSeen struct {
	*view.View

	mu    sync.RWMutex
	notes map[string]SeenNote
}

// SeenNote records the last use of a service token.
type SeenNote struct {
	At       proto.Millis
	Revision uint64 // of its key in TOKEN_USES
}

// NewLastSeen returns an empty view. Its Run fills it.
func NewLastSeen(conn *bus.Conn) *LastSeen {
	l := &LastSeen{notes: map[string]SeenNote{}}
	l.View = view.New(conn, topology.TokenUses, []string{topology.AllTokenSeenKeys}, l.apply)
	return l
}

func (l *LastSeen) apply(u bus.Update) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.notes, u.Key)
	if u.Deleted {
		return nil
	}
	var seen proto.TokenSeen
	if err := u.Decode(&seen); err != nil {
		return err
	}
	l.notes[u.Key] = SeenNote{At: seen.At, Revision: u.Revision}
	return nil
}

// Of returns the time of a service token's last use; 0 means never.
func (l *LastSeen) Of(a proto.Account, clientID string) proto.Millis {
	key, err := topology.TokenSeenKey(a, clientID)
	if err != nil {
		return 0
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.notes[key].At
}

// OfKey returns the time of the last use of the service token with a key of TOKENS; 0 means never.
func (l *LastSeen) OfKey(key string) proto.Millis {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.notes[topology.SeenKeyOf(key)].At
}

// All returns the records by their key in TOKEN_USES.
func (l *LastSeen) All() map[string]SeenNote {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return maps.Clone(l.notes)
}
