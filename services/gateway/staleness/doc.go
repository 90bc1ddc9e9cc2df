// Package staleness measures how far a gateway's data lags behind the bus, and reports when it is too old for
// decisions.
//
// A gateway decides on views of the bus: configuration, service tokens, sessions, inventory, results. Watches
// maintain them, and a silent watch cannot distinguish an idle stream from a lost connection. Therefore the leader of
// each stream is asked about once a second for its position, and for anything after the view's position that concerns
// the view. If there is nothing, the view was current at the time of the question. Every failure shows as a growing
// age: NATS is gone, a stream has no leader, a source has stalled, a watch has died.
//
// While the age is within the operator's limit, the gateway continues with the last known state. Beyond it, the
// gateway denies everything until everything is confirmed again.
package staleness
