package scoring

import (
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"plumbline.dev/proto"
)

// Answer is the decoded response for the devices of the request.
type Answer struct {
	// Observations has one for each device asked about, in their order.
	Observations []proto.Observation
	// Unknown is the number of result members for devices not in the request.
	Unknown int
}

// Decode reads the response to a request for the asked devices; their ids must differ. It reads r to its end, or one
// byte past limit. The observations are written to into, which grows as needed.
//
// The error is a *[Failure] or a *[ReadError], and then there is no Answer. Decode keeps one member of the response in
// memory at a time. It is fastest if the response has the order of the request.
func Decode(r io.Reader, limit int64, asked []proto.Device, into []proto.Observation) (Answer, error) {
	d := decoders.Get().(*decoder)
	defer d.release()
	d.reset(r, limit, asked, into)
	if err := d.answer(); err != nil {
		return Answer{}, d.explain(err)
	}
	d.finish()
	return Answer{Observations: d.seen, Unknown: d.unknown}, nil
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

type decoder struct {
	json    jsontext.Decoder
	in      capped
	limit   int64
	asked   []proto.Device
	seen    []proto.Observation
	next    int // the next device if the response keeps the request's order
	index   map[proto.ID]int
	unknown int
	// text holds every s2s_id, one after the other, so a page of them is one string; spans has the bounds of each.
	text    []byte
	spans   []span
	scratch []byte
}

type span struct{ from, to int }

// pooled limits the buffers of an idle decoder, in bytes: one response with a huge value must not stay in memory.
const pooled = 256 << 10

func (d *decoder) release() {
	d.asked, d.seen, d.in = nil, nil, capped{}
	d.json.Reset(empty{})
	// After a reset all of the JSON decoder's buffer is unread.
	if cap(d.json.UnreadBuffer()) <= pooled && cap(d.text) <= pooled && cap(d.scratch) <= pooled {
		decoders.Put(d)
	}
}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }

func (d *decoder) reset(r io.Reader, limit int64, asked []proto.Device, into []proto.Observation) {
	d.in = capped{r: r, left: limit}
	d.json.Reset(&d.in, jsontext.AllowDuplicateNames(true)) // found and judged here
	d.limit, d.asked, d.next, d.unknown = limit, asked, 0, 0
	clear(d.index)
	if cap(into) < len(asked) {
		into = make([]proto.Observation, len(asked))
	}
	if cap(d.spans) < len(asked) {
		d.spans = make([]span, len(asked))
	}
	d.seen, d.spans, d.text = into[:len(asked)], d.spans[:len(asked)], d.text[:0]
	clear(d.spans)
	for i := range asked {
		d.seen[i] = proto.Observation{Device: asked[i].ID, Score: proto.NoScore, Problem: proto.ReasonMissing}
	}
}

func (d *decoder) answer() error {
	switch kind := d.json.PeekKind(); kind {
	case '{':
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
	case jsontext.KindInvalid:
		_, err := d.json.ReadToken()
		return err
	default:
		return failure(NotObject, "The answer is JSON, but not an object.")
	}
	found := false
	for d.json.PeekKind() == '"' {
		name, err := d.json.ReadToken()
		if err != nil {
			return err
		}
		if name.String() != "result" {
			if err := d.json.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if found {
			return failure(DuplicateResult, `The answer has "result" twice.`)
		}
		found = true
		if err := d.result(); err != nil {
			return err
		}
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing brace
		return err
	}
	if !found {
		return failure(NoResult, `The answer has no "result".`)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		if d.in.err != nil {
			return d.in.err
		}
		return failure(TrailingData, "Something follows the answer's JSON object.")
	}
	return nil
}

func (d *decoder) result() error {
	if kind := d.json.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return failure(NoResult, `The answer's "result" is not an object.`)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() == '"' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		i := d.find(name)
		if i < 0 {
			d.unknown++
			if err := d.json.SkipValue(); err != nil {
				return err
			}
			continue
		}
		value, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if err := d.observe(i, value); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken() // the closing brace
	return err
}

// find returns the index of the device named by a raw JSON string, or -1.
func (d *decoder) find(raw []byte) int {
	id, ok := proto.ParseIDBytes(raw[1 : len(raw)-1])
	if !ok {
		// A UUID spelled with escapes is still one.
		d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw)
		if id, ok = proto.ParseIDBytes(d.scratch); !ok {
			return -1
		}
	}
	if d.next < len(d.asked) && d.asked[d.next].ID == id {
		d.next++
		return d.next - 1
	}
	if len(d.index) == 0 {
		if d.index == nil {
			d.index = make(map[proto.ID]int, len(d.asked))
		}
		for i := range d.asked {
			d.index[d.asked[i].ID] = i
		}
	}
	i, ok := d.index[id]
	if !ok {
		return -1
	}
	d.next = i + 1
	return i
}

func (d *decoder) observe(i int, raw []byte) error {
	var e entry
	e, d.scratch = readEntry(raw, d.scratch)
	if len(e.s2s) > proto.MaxS2SID {
		return failure(LongS2SID, "The answer has an s2s_id of %d bytes, at most %d are allowed.", len(e.s2s), proto.MaxS2SID)
	}
	o := &d.seen[i]
	switch {
	case o.Problem != proto.ReasonMissing: // named before
		o.Score, o.Problem, d.spans[i] = proto.NoScore, proto.ReasonInvalidScore, span{}
		return nil
	case e.score == proto.NoScore:
		o.Problem = proto.ReasonInvalidScore
	default:
		o.Score, o.Problem = e.score, proto.ReasonNone
	}
	d.spans[i].from = len(d.text)
	d.text = append(d.text, e.s2s...)
	d.spans[i].to = len(d.text)
	return nil
}

// finish sets each observation's part of the single string with every s2s_id.
func (d *decoder) finish() {
	if len(d.text) == 0 {
		return
	}
	text := string(d.text)
	for i, s := range d.spans {
		d.seen[i].S2SID = text[s.from:s.to]
	}
}

// explain translates an error of the JSON decoder, because the decoder's own text quotes the response.
func (d *decoder) explain(err error) error {
	var f *Failure
	switch {
	case d.in.over:
		return failure(TooLarge, "The answer is larger than the limit of %d bytes.", d.limit)
	case d.in.err != nil:
		return &ReadError{d.in.err}
	case errors.As(err, &f):
		return f
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if d.json.InputOffset() == 0 && len(d.json.UnreadBuffer()) == 0 {
			return failure(Truncated, "The answer is empty.")
		}
		return failure(Truncated, "The answer ends before its JSON does.")
	}
	return failure(NotJSON, "The answer is not JSON.")
}

// capped reads up to a number of bytes and records whether there were more, and any error.
type capped struct {
	r    io.Reader
	left int64
	over bool
	err  error // but for io.EOF
}

var errOver = errors.New("over the limit")

func (c *capped) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if int64(n) > c.left {
		n, err, c.over = int(c.left), errOver, true
	}
	c.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
