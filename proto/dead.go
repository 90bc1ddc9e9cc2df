package proto

// DeadLetter is a message that could not be handled, on posture.dead.<stage>.<account>: the whole message, and the
// reason.
type DeadLetter struct {
	Stage     string              `msgpack:"stage"`
	Stream    string              `msgpack:"stream"`
	Seq       uint64              `msgpack:"seq"`
	Subject   string              `msgpack:"subject"`
	Delivered int                 `msgpack:"delivered"`
	Reason    string              `msgpack:"reason"`
	At        Millis              `msgpack:"at"`
	Header    map[string][]string `msgpack:"header"`
	Data      []byte              `msgpack:"data"`
}

// Schema implements Message.
func (*DeadLetter) Schema() Schema { return Schema{"dead_letter", 1} }
