package disk

import (
	"path/filepath"
	"strings"
)

// Cause is why the server writes to a file.
type Cause string

// The causes.
const (
	Messages  Cause = "messages"      // each message, as it comes
	Rewritten Cause = "blocks"        // a full block again, compressed, or one with most messages gone, without them
	Batches   Cause = "open batches"  // messages of an atomic batch, until it is committed
	Positions Cause = "positions"     // of consumers
	Index     Cause = "index"         // of the stream, every two minutes
	Settings  Cause = "configuration" // of streams and consumers
)

// Place returns the zone's directory, the stream and the cause of a file in a server's store, such as
// jetstream/ACCOUNT/streams/POSTURE_LOG/msgs/1.blk. ok is false for other files.
func Place(store, path string) (zone, stream string, cause Cause, ok bool) {
	rest, err := filepath.Rel(store, path)
	p := strings.Split(rest, string(filepath.Separator))
	if err != nil || len(p) < 5 || p[0] != "jetstream" || p[2] != "streams" {
		return "", "", "", false
	}
	zone, stream = p[1], p[3]
	switch name := p[len(p)-1]; {
	case p[4] == "batches":
		cause = Batches
	case p[4] == "obs" && strings.HasPrefix(name, "o.dat"):
		cause = Positions
	case p[4] == "msgs" && strings.HasPrefix(name, "index.db"):
		cause = Index
	case p[4] == "msgs" && strings.HasSuffix(name, ".blk"):
		cause = Messages
	case p[4] == "msgs" && strings.Contains(name, ".blk"), p[4] == "msgs" && strings.HasSuffix(name, ".new"):
		cause = Rewritten
	default:
		cause = Settings
	}
	return zone, stream, cause, true
}
