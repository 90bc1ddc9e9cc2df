package proto

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// Entry is one message of the posture log: every result of one page for every check of one integration.
// The newest entry of a page is the state of its devices; there is no second truth.
type Entry struct {
	Cause Cause
	// Tick is the tick of the entry's newest poll, 0 before the first; it never decreases from one entry of a page to
	// the next.
	Tick uint64
	// Poll is the call of the tick. Entries of another cause keep it.
	Poll Poll
	// PageRevision and ConfigRevision are the revisions of the inventory and the configuration seen by the evaluator. A
	// later entry never uses older ones.
	PageRevision   uint64
	ConfigRevision uint64
	EvaluatedAt    Millis
	// NextExpiry is the time of the next result's expiration, or 0 if none will expire.
	NextExpiry Millis
	// Closed is set if the integration or the page was removed: there are no checks and no results any more.
	Closed  bool
	Checks  []CheckRef
	Results []Result
	// Observe, Exemptions and States are what enforcement needs to go on from this entry; all are empty at rest. States
	// is nil, or has one element for each check.
	Observe    EntryObserve
	Exemptions []ExemptionRef // of devices on the page, by id
	States     []CheckState
}

// CheckRef names a check and its revision.
type CheckRef struct {
	ID       ID
	Revision uint64
}

// Result is the state of one device: its score and, for each check of the entry in the same order, a verdict.
type Result struct {
	Device     ID
	Score      int    // the newest valid score, NoScore before the first
	Problem    Reason // the reason the newest poll has no score for this device, otherwise ReasonNone
	S2SID      string // the scoring system's own id for the device
	ObservedAt Millis // when the score came, by the server's clock; 0 before the first
	Verdicts   []Verdict
}

// Verdict is the result of one check for one device. Enforcers use Outcome; Observed is the outcome by the newest
// evidence alone. Reason is the reason for Outcome: Observed may differ from it because of hysteresis ([ReasonScore]),
// [ReasonObserveOnly], [ReasonExempt], [ReasonGrace] or [ReasonHeld].
type Verdict struct {
	Outcome  Outcome
	Reason   Reason
	Observed Outcome
}

// Schema implements Message.
func (*Entry) Schema() Schema { return Schema{"entry", 1} }

// EncodeMsgpack writes
//
//	[cause, tick, poll, page_revision, config_revision, evaluated_at, next_expiry, closed,
//	 [[check, revision]...],
//	 [[device, score, problem, s2s_id, age_ms, [outcome, reason, ...], [check index, observed, ...]]...],
//	 states]
//
// age_ms is the age of the score at poll.at, nil before the first; the observed pairs are omitted if each one equals
// its outcome, and states if there are none.
func (e *Entry) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, e) }

// encode implements fielded.
func (e *Entry) encode(w *writer) {
	extended := e.extended()
	w.array(10 + int(flags(extended)))
	w.uint(uint64(e.Cause))
	w.uint(e.Tick)
	e.Poll.encode(w)
	w.uint(e.PageRevision)
	w.uint(e.ConfigRevision)
	w.at(e.EvaluatedAt)
	w.at(e.NextExpiry)
	w.bool(e.Closed)
	w.array(len(e.Checks))
	for _, c := range e.Checks {
		w.array(2)
		w.id(&c.ID)
		w.uint(c.Revision)
	}
	b := appendList(w.b, len(e.Results))
	for i := range e.Results {
		if len(e.Results[i].Verdicts) != len(e.Checks) {
			w.fail(fmt.Errorf("result %d has %d verdicts for %d checks", i, len(e.Results[i].Verdicts), len(e.Checks)))
			return
		}
		b = e.Results[i].append(b, e.Poll.At)
	}
	w.b = b
	if extended {
		e.encodeStates(w)
	}
}

// size implements fielded.
func (e *Entry) size() int {
	size := 192 + len(e.Poll.Detail) + 32*len(e.Checks) + 32*len(e.Exemptions)
	for i := range e.Results {
		size += 34 + len(e.Results[i].S2SID) + 2*len(e.Checks)
	}
	return size
}

// EntryTick returns the tick of an encoded entry without decoding the rest.
func EntryTick(payload []byte) (uint64, error) {
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(bytes.NewReader(payload))
	r := readArray(dec, 10)
	r.uintMax(255)
	tick := r.uint()
	return tick, r.err
}

func (res *Result) append(b []byte, polled Millis) []byte {
	differ := 0
	for _, v := range res.Verdicts {
		if v.Observed != v.Outcome {
			differ++
		}
	}
	b = appendBinary(appendList(b, 6+min(differ, 1)), &res.Device)
	b = appendUint(appendShort(b, int64(res.Score)), uint64(res.Problem))
	b = appendStr(b, res.S2SID)
	if res.ObservedAt == 0 {
		b = appendNil(b)
	} else {
		b = appendShort(b, int64(polled-res.ObservedAt))
	}
	b = appendList(b, 2*len(res.Verdicts))
	for _, v := range res.Verdicts {
		b = appendUint(appendUint(b, uint64(v.Outcome)), uint64(v.Reason))
	}
	if differ == 0 {
		return b
	}
	b = appendList(b, 2*differ)
	for i, v := range res.Verdicts {
		if v.Observed != v.Outcome {
			b = appendUint(appendUint(b, uint64(i)), uint64(v.Observed))
		}
	}
	return b
}

// DecodeMsgpack reads the form written by EncodeMsgpack.
func (e *Entry) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 10)
	*e = Entry{Cause: Cause(r.uintMax(255)), Tick: r.uint()}
	if r.next() {
		r.keep(e.Poll.decode(dec))
	}
	e.PageRevision, e.ConfigRevision = r.uint(), r.uint()
	e.EvaluatedAt, e.NextExpiry = r.at(), r.at()
	e.Closed = r.bool()
	if n := r.list(MaxChecks); n > 0 {
		e.Checks = make([]CheckRef, n)
	}
	for i := range e.Checks {
		cr := readArray(dec, 2)
		cr.id(&e.Checks[i].ID)
		e.Checks[i].Revision = cr.uint()
		r.keep(cr.close())
	}
	n := r.list(PageSize)
	if r.err == nil && n > 0 {
		e.Results = make([]Result, n)
		// One block for the page's verdicts: a slice each would be most of the decoder's allocations.
		verdicts := make([]Verdict, n*len(e.Checks))
		for i := range e.Results {
			of := verdicts[i*len(e.Checks) : (i+1)*len(e.Checks) : (i+1)*len(e.Checks)]
			if err := e.Results[i].decode(dec, e.Poll.At, of); err != nil {
				return fmt.Errorf("result %d: %w", i, err)
			}
		}
	}
	e.decodeStates(&r)
	return r.close()
}

func (res *Result) decode(dec *msgpack.Decoder, polled Millis, verdicts []Verdict) error {
	r := readArray(dec, 6)
	r.id(&res.Device)
	res.Score, res.Problem, res.S2SID, res.ObservedAt = int(r.int()), r.reason(), r.str(), 0
	if res.Score < NoScore || res.Score > 100 {
		r.keep(fmt.Errorf("score %d", res.Score))
	}
	if age, known := r.optionalInt(); known {
		res.ObservedAt = polled - Millis(age)
	}
	if n := r.list(2 * MaxChecks); r.err == nil && n != 2*len(verdicts) {
		r.keep(fmt.Errorf("%d verdict fields for %d checks", n, len(verdicts)))
	}
	vr := reader{dec: dec, left: 2 * len(verdicts), err: r.err}
	for i := range verdicts {
		o := vr.out()
		verdicts[i] = Verdict{Outcome: o, Reason: vr.reason(), Observed: o}
	}
	r.keep(vr.err)
	differ := r.list(2 * MaxChecks)
	dr := reader{dec: dec, left: differ, err: r.err}
	for dr.err == nil && dr.left > 1 {
		i, o := dr.uint(), dr.out()
		if i >= uint64(len(verdicts)) {
			dr.keep(fmt.Errorf("observed outcome of check %d", i))
			break
		}
		verdicts[i].Observed = o
	}
	r.keep(dr.close())
	res.Verdicts = verdicts
	return r.close()
}
