package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/internal/wait"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// ErrOverloaded is passed to [Endpoint.Refuse] if [Endpoint.Queue] requests are already waiting.
var ErrOverloaded = errors.New("too many requests are waiting")

// Endpoint is a request subject and its handler. Each request gets one reply.
type Endpoint struct {
	Subject string
	// Role names the queue group: of all connections serving the subject in the same role, one gets each request.
	Role    topology.Role
	Workers int // requests handled at once; 0 means 1
	// Queue is the maximum number of requests waiting for a worker; 0 means 256. Further requests are refused at
	// once.
	Queue int
	// Handle returns the reply. Its context outlives the context of [Conn.Answer] by at most Grace.
	Handle func(ctx context.Context, m *Msg) proto.Message
	// Refuse returns the reply to a request if Handle was not called, or panicked.
	Refuse func(err error) proto.Message
	// Listening, if not nil, is called once requests reach this connection.
	Listening func()
	// Grace is how long handlers may run after ctx has ended; 0 means 3 s.
	Grace time.Duration
}

// Answer serves requests until ctx ends. Requests waiting at that moment are still answered, within the grace period.
func (c *Conn) Answer(ctx context.Context, e Endpoint) error {
	queue := make(chan *nats.Msg, cmp.Or(e.Queue, 256))
	sub, err := c.nc.QueueSubscribe(topology.AskedByAll(e.Subject), string(e.Role), func(m *nats.Msg) {
		select {
		case queue <- m:
		default:
			c.reply(m, e.Refuse(ErrOverloaded))
		}
	})
	if err != nil {
		return fmt.Errorf("answer %s: %w", e.Subject, err)
	}
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(context.Canceled)
	last := make(chan struct{}) // closed once no more requests arrive
	var workers sync.WaitGroup
	for range max(e.Workers, 1) {
		workers.Go(func() { c.answerAll(work, &e, queue, last) })
	}
	if c.flushed(ctx) && e.Listening != nil {
		e.Listening()
	}
	<-ctx.Done()
	timer := time.AfterFunc(cmp.Or(e.Grace, 3*time.Second), func() {
		abort(fmt.Errorf("requests on %s were not answered within the grace period", e.Subject))
	})
	defer timer.Stop()
	// Requests already sent by the server are still handled.
	drained := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(drained) })
	if err := sub.Drain(); err == nil {
		select {
		case <-drained:
		case <-work.Done():
		}
	}
	close(last)
	workers.Wait()
	return nil
}

// flushed waits until the server has received everything sent, and reports whether it did before ctx ended.
func (c *Conn) flushed(ctx context.Context) bool {
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, publishTimeout)
		err := c.nc.FlushWithContext(bounded)
		cancel()
		if err == nil {
			return true
		}
		wait.For(ctx, time.Second)
	}
	return false
}

func (c *Conn) answerAll(ctx context.Context, e *Endpoint, queue <-chan *nats.Msg, last <-chan struct{}) {
	for {
		select {
		case m := <-queue:
			c.answerOne(ctx, e, m)
			continue
		default:
		}
		select {
		case m := <-queue:
			c.answerOne(ctx, e, m)
		case <-last:
			if len(queue) == 0 {
				return
			}
		}
	}
}

func (c *Conn) answerOne(ctx context.Context, e *Endpoint, raw *nats.Msg) {
	by, subject, _ := topology.ParseAsked(raw.Subject)
	m := &Msg{Subject: subject, Header: raw.Header, Data: raw.Data, Time: time.Now(), Delivered: 1, Asker: by}
	ctx, span := c.StartSpan(ctx, e.Subject, m)
	defer span.End()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic while answering a request", "subject", raw.Subject, "panic", p)
			c.reply(raw, e.Refuse(fmt.Errorf("panic: %v", p)))
		}
	}()
	c.reply(raw, e.Handle(ctx, m))
}

func (c *Conn) reply(to *nats.Msg, body proto.Message) {
	if to.Reply == "" {
		return // the sender does not wait for a reply
	}
	if err := c.Send(to.Reply, body); err != nil {
		c.log.Warn("failed to send a reply", "subject", to.Subject, "err", err)
	}
}
