package bus

import (
	"time"

	"plumbline.dev/bus/topology"
)

// timing holds the timeouts of a connection that tests shorten.
type timing struct {
	// publishAsync is how long a message of [Conn.PublishAll] occupies a pending slot without a confirmation.
	publishAsync time.Duration
	// pullExpires is how long the server keeps a pull request open. It then answers that there is no message, and
	// this answer may arrive pullMargin later. Together they limit the wait for a request or reply lost in transit,
	// independent of the state of the server and the client library.
	pullExpires, pullMargin time.Duration
	// ackWait is the acknowledgement deadline of a stage's consumer. A stage extends it three times in this period.
	ackWait time.Duration
	// confirmEvery is the interval of a [Tail]'s requests to the stream's leader. They detect a reverted stream, and a
	// replica lagging for long.
	confirmEvery time.Duration
	// setBack is how long a leader may be behind the last message read before the stream counts as reverted. A newly
	// elected leader may still be applying messages.
	setBack time.Duration
}

var defaultTiming = timing{
	publishAsync: publishTimeout,
	pullExpires:  3 * time.Second, pullMargin: 2 * time.Second,
	ackWait:      topology.AckWait,
	confirmEvery: 10 * time.Second, setBack: 5 * time.Second,
}
