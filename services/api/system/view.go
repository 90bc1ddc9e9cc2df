package system

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// view is the health of the installation.
type view struct {
	At           v4.Timestamp  `json:"at"`
	Version      string        `json:"version" says:"Version of the control plane that answered."`
	Schemas      []string      `json:"schemas" says:"Schemas of messages for other systems."`
	NATS         natsView      `json:"nats"`
	Streams      []streamView  `json:"streams"`
	Queues       []queueView   `json:"queues" says:"The work that waits for services."`
	Integrations []polledView  `json:"integrations" says:"The newest polls of the account, the oldest integration first."`
	Limits       []limitView   `json:"limits"`
	Problems     []problemView `json:"problems" says:"The most severe first."`
}

// natsView is the connection of the control plane to NATS.
type natsView struct {
	Server  string  `json:"server" says:"Name of the connected server."`
	Version string  `json:"version"`
	TookMS  float64 `json:"round_trip_ms" says:"Time of a message to the server and back; 0 if it did not answer."`
}

// streamView is what a stream holds.
type streamView struct {
	Name     string       `json:"name"`
	About    string       `json:"about" says:"What the stream has."`
	Messages uint64       `json:"messages"`
	Bytes    uint64       `json:"bytes" says:"Compressed size on each server."`
	Limit    int64        `json:"limit_bytes" says:"Limit of the size; 0: none of its own."`
	MaxAgeMS int64        `json:"max_age_ms" says:"Age at which messages are removed; 0: never."`
	Oldest   v4.Timestamp `json:"oldest_at" says:"By the clock of NATS."`
	Newest   v4.Timestamp `json:"newest_at" says:"By the clock of NATS."`
	Servers  int          `json:"servers" says:"Servers that hold the stream."`
	Current  int          `json:"servers_current" says:"Of these, those that are up to date."`
	Lost     uint64       `json:"unreadable_to" says:"Sequence of the newest message that the last check of the store could not read; 0: none."` //nolint:lll // a struct tag cannot be split
	Error    string       `json:"error" says:"Why NATS did not tell; empty if it did."`
}

// queueView is the work that waits for a service.
type queueView struct {
	Stream  string `json:"stream"`
	Service string `json:"service" says:"The service that does the work."`
	About   string `json:"about" says:"What the work is."`
	Waiting uint64 `json:"waiting" says:"Messages that wait or are being handled."`
	AgeMS   int64  `json:"age_ms" says:"How long the oldest of them has waited."`
	Late    bool   `json:"late" says:"It has waited longer than it should."`
}

// polledView is the newest poll of an integration.
type polledView struct {
	ID       proto.ID     `json:"id"`
	Name     string       `json:"name"`
	Interval string       `json:"interval"`
	Standing string       `json:"standing"`
	At       v4.Timestamp `json:"poll_at" says:"When the newest poll became due; null before the first."`
	AgeMS    int64        `json:"age_ms" says:"Age of the oldest page."`
	Pages    int          `json:"pages"`
	Done     int          `json:"done_pages"`
	Pending  int          `json:"pending_pages"`
	Failed   int          `json:"failed_pages"`
}

// limitView is a limit of the installation.
type limitView struct {
	Name  string `json:"name"`
	About string `json:"about" says:"What is limited."`
	Limit int64  `json:"limit"`
	Used  *int64 `json:"used" says:"Null where it is not counted."`
}

// problemView is something that a person should know or do something about.
type problemView struct {
	Code     string `json:"code"`
	Severity string `json:"severity" says:"fail: it does not work; warn: it may soon not; info: good to know."`
	Subject  string `json:"subject" says:"Name of the stream, service or integration."`
	ID       string `json:"id" says:"Id of the integration, or empty."`
	Text     string `json:"text"`
}
