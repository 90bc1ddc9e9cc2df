package proto

import (
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Cause is the reason for an evaluation. The numbers are wire facts.
type Cause uint8

// The causes of an input, and of the entry it leads to.
const (
	CausePoll    Cause = iota // a call was made, well or badly
	CausePage                 // devices were enrolled, updated or removed
	CauseConfig               // a check or the integration was changed or removed
	CauseExpired              // a time has come: of a score's expiration, a grace, an exemption, a hold
	CauseRelease              // a hold is released: the decided outcomes are applied
)

// String is the word in logs and in the API.
func (c Cause) String() string {
	if c > CauseRelease {
		return fmt.Sprintf("cause(%d)", uint8(c))
	}
	return [...]string{"poll", "page", "config", "expired", "release"}[c]
}

// Poll is how one API call about one page went.
type Poll struct {
	At       Millis        // when its scores were stored, by the server's clock; 0 on an input
	Attempts int           // HTTP requests made; 0 if none was needed or possible
	Status   int           // HTTP status of the last answer, 0 without one
	Took     time.Duration // of all attempts together, to the millisecond
	Error    Reason        // ReasonNone, or why the whole call gave nothing
	Detail   string        // a sentence for people; holds nothing of the answer's body
	Unknown  int           // devices in the response but not in the request
	TickAt   Millis        // when its tick was stored, by the server's clock; 0 if unknown
}

// MaxPollDetail bounds [Poll.Detail] in bytes.
const MaxPollDetail = 512

func (p *Poll) encode(w *writer) {
	w.array(7 + int(flags(p.TickAt != 0)))
	w.at(p.At)
	w.uint(uint64(p.Attempts))
	w.uint(uint64(p.Status))
	w.int(p.Took.Milliseconds())
	w.reason(p.Error)
	w.str(p.Detail[:min(len(p.Detail), MaxPollDetail)])
	w.uint(uint64(p.Unknown))
	if p.TickAt != 0 {
		w.at(p.TickAt)
	}
}

func (p *Poll) decode(dec *msgpack.Decoder) error {
	r := readArray(dec, 5)
	*p = Poll{
		At: r.at(), Attempts: r.count(), Status: r.count(),
		Took: time.Duration(r.int()) * time.Millisecond, Error: r.reason(), Detail: r.str(), Unknown: r.count(),
		TickAt: r.at(),
	}
	return r.close()
}

// NoScore is the score of a device without one. A score is 0 to 100.
const NoScore = -1

// Observation is the response for one device of the request.
type Observation struct {
	Device  ID
	Score   int    // NoScore if Problem is set
	Problem Reason // ReasonNone, ReasonMissing or ReasonInvalidScore
	S2SID   string
}

// Input is the trigger of a page's evaluation: one message of POSTURE_SCORES.
//
// Observations are present only for [CausePoll] without a poll error, one for each device in the request. The revisions
// are those the sender had seen, of the page and of the integrations and checks in CONFIG (not of its other kinds): the
// evaluator uses nothing older.
type Input struct {
	Cause Cause
	// Tick is that of a poll. That of a release is the tick of the page's entry that it is about, or 0: any.
	Tick           uint64
	PageRevision   uint64
	ConfigRevision uint64
	Poll           Poll
	Observations   []Observation
	// Check and DecidedAt are of a release: a hold that began after DecidedAt is not released.
	Check     ID
	DecidedAt Millis
}

// Schema implements Message.
func (*Input) Schema() Schema { return Schema{"input", 1} }

// EncodeMsgpack writes [cause, tick, page_revision, config_revision, poll, [[device, score, problem,
// s2s_id]...], check, decided_at]; a missing score is -1. The last two are left out except
// for a release.
func (in *Input) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, in) }

// encode implements fielded.
func (in *Input) encode(w *writer) {
	release := in.Check != ID{} || in.DecidedAt != 0
	w.array(6 + 2*int(flags(release)))
	w.uint(uint64(in.Cause))
	w.uint(in.Tick)
	w.uint(in.PageRevision)
	w.uint(in.ConfigRevision)
	in.Poll.encode(w)
	b := appendList(w.b, len(in.Observations))
	for i := range in.Observations {
		o := &in.Observations[i]
		b = appendShort(appendBinary(appendList(b, 4), &o.Device), int64(o.Score))
		b = appendStr(appendUint(b, uint64(o.Problem)), o.S2SID)
	}
	w.b = b
	if release {
		w.id(&in.Check)
		w.at(in.DecidedAt)
	}
}

// size implements fielded.
func (in *Input) size() int {
	size := 128 + len(in.Poll.Detail)
	for i := range in.Observations {
		size += 24 + len(in.Observations[i].S2SID)
	}
	return size
}

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (in *Input) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 5)
	*in = Input{Cause: Cause(r.uintMax(255)), Tick: r.uint(), PageRevision: r.uint(), ConfigRevision: r.uint()}
	if r.next() {
		r.keep(in.Poll.decode(dec))
	}
	n := r.list(PageSize)
	if n > 0 {
		in.Observations = make([]Observation, n)
	}
	for i := range n {
		or := readArray(dec, 3)
		o := &in.Observations[i]
		or.id(&o.Device)
		o.Score, o.Problem, o.S2SID = int(or.int()), or.reason(), or.str()
		if o.Score < NoScore || o.Score > 100 {
			or.keep(fmt.Errorf("score %d", o.Score))
		}
		if err := or.close(); err != nil {
			return fmt.Errorf("observation %d: %w", i, err)
		}
	}
	r.id(&in.Check)
	in.DecidedAt = r.at()
	return r.close()
}
