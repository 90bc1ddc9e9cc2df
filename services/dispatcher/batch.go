package dispatcher

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/event"
)

// Defaults of a batch's bounds. heldBytes bounds the bytes of every batch, whatever its destination allows: the
// dispatcher holds a batch in memory, compressed, until the receiver accepts it.
const (
	defaultBytes    = proto.MinUploadBytes
	defaultRecords  = 100_000
	defaultInterval = proto.MinUploadInterval
	heldBytes       = 16 << 20
)

// bounds are the bounds of a batch. A single message may exceed them: it is not divided.
type bounds struct {
	bytes, records int
	interval       time.Duration
}

func boundsOf(u *proto.Upload) bounds {
	return bounds{bytes: min(cmp.Or(u.MaxBytes, defaultBytes), heldBytes), records: cmp.Or(u.MaxRecords, defaultRecords),
		interval: cmp.Or(u.MaxInterval, defaultInterval)}
}

// piece is what a message adds to a batch.
type piece struct {
	text  []byte
	lines int
	seq   uint64
	at    time.Time
}

// batch holds the lines of some messages, compressed. The zero value is an empty batch.
type batch struct {
	bounds
	body     bytes.Buffer
	gzip     *gzip.Writer // nil while the batch has no line
	size     int          // bytes before compression
	lines    int
	messages int64
	first    piece // with lines
	last     piece
}

// fits reports whether a message's lines may be added.
func (b *batch) fits(p piece) bool {
	return b.lines == 0 || b.size+len(p.text) <= b.bytes && b.lines+p.lines <= b.records
}

// full reports whether the batch has reached a bound.
func (b *batch) full() bool { return b.size >= b.bytes || b.lines >= b.records }

// add adds a message, which may have no lines.
func (b *batch) add(p piece) error {
	b.messages++
	if p.lines > 0 {
		if b.gzip == nil {
			b.gzip, b.first = gzip.NewWriter(&b.body), piece{seq: p.seq, at: p.at}
		}
		if _, err := b.gzip.Write(p.text); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		b.size += len(p.text)
		b.lines += p.lines
	}
	b.last = piece{seq: p.seq, at: p.at}
	return nil
}

// event returns the batch as a message. Its id depends on its first line only: a batch that is made again after a crash
// may have another end, and continues the attempts of the former one.
func (b *batch) event(a proto.Account, destination proto.ID) (event.Event, error) {
	if err := b.gzip.Close(); err != nil {
		return event.Event{}, fmt.Errorf("batch: %w", err)
	}
	id := proto.DeriveID(a, fmt.Sprintf("batch %s %d %d", destination, b.first.seq, b.first.at.UnixNano()))
	return event.Event{ID: "batch_" + id.String(), Type: event.Batch, At: b.first.at, Body: b.body.Bytes()}, nil
}

// testUpload returns the upload that tests a destination, as Cloudflare's Logpush does with a file test.txt.gz.
func testUpload() ([]byte, error) {
	var b batch
	if err := b.add(piece{text: []byte(`{"content":"tests"}`), lines: 1}); err != nil {
		return nil, err
	}
	err := b.gzip.Close()
	return b.body.Bytes(), err
}
