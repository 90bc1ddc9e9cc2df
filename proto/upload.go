package proto

import (
	"encoding/json"
	"time"
)

// Kinds of destinations that receive batches of log lines.
const (
	// DestinationNDJSON receives gzip-compressed lines of JSON by HTTP, as from Cloudflare's Logpush.
	DestinationNDJSON = "ndjson"
	// DestinationSplunk receives the same lines on the raw endpoint of Splunk's HTTP Event Collector.
	DestinationSplunk = "splunk"
)

// Bounds of a batch, which are Cloudflare's. 0 stands for the default.
const (
	MinUploadBytes    = 5_000_000 // before compression
	MaxUploadBytes    = 1_000_000_000
	MinUploadRecords  = 1_000
	MaxUploadRecords  = 1_000_000
	MinUploadInterval = 30 * time.Second
	MaxUploadInterval = 5 * time.Minute
)

// Upload holds the settings of a destination that receives batches of log lines.
type Upload struct {
	// Conf is the destination_conf of the Logpush job, for people: the values of its query are replaced.
	Conf    string `msgpack:"conf"`
	Dataset string `msgpack:"dataset"`
	// Fields lists the fields of a line, in order; none means all.
	Fields     []string `msgpack:"fields"`
	TimeFormat string   `msgpack:"time_format"` // empty: unixnano
	// SampleRate is the share of the lines to send, over 0 and up to 1. 0 means 1.
	SampleRate float64 `msgpack:"sample_rate"`
	// The bounds of a batch; 0 stands for the default.
	MaxBytes    int           `msgpack:"max_bytes"` // before compression
	MaxRecords  int           `msgpack:"max_records"`
	MaxInterval time.Duration `msgpack:"max_interval"`
	// Frequency and OutputOptions are members of the Logpush job as the client sent them.
	Frequency     string          `msgpack:"frequency"`
	OutputOptions json.RawMessage `msgpack:"output_options"`
}

// Job returns the number of the destination's Logpush job: 48 bits of its id, so that clients which read numbers as
// floating point keep it exactly.
func (d *Destination) Job() int64 {
	var n int64
	for _, b := range d.ID[:6] {
		n = n<<8 | int64(b)
	}
	return n
}
