// Package pull takes the messages of consumers with pull requests.
package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/internal/tuning"
)

var (
	// ErrLost is returned for a request the server did not answer in time.
	ErrLost = errors.New("pull request was not answered")
	// ErrEnded is returned by [Request.Read] when the server has no more messages for a request.
	ErrEnded = errors.New("pull request has ended")
)

// Requests sends pull requests to one consumer and distributes the replies. It uses neither heartbeats nor prefetching.
// All requests share one subscription. The subject of a delivered message does not identify its request, and the
// server serves requests in order: a message is passed to the oldest open request. A message without an open request
// is returned to the server at once, so its redelivery need not wait for the acknowledgement deadline.
type Requests struct {
	nc      *nats.Conn
	next    string // subject of requests
	inbox   string
	sub     *nats.Subscription
	expires time.Duration // of requests, at the server
	lost    time.Duration // after which a request counts as lost

	mu          sync.Mutex
	sent        uint64
	open        []*Request // oldest first
	unanswered  int        // requests for one message still open at the server
	lastSent    time.Time
	closed      bool
	answeredAll chan struct{} // closed once the server has none, after Drain
}

// Request is a request for messages.
type Request struct {
	of      *Requests
	inbox   string
	left    int // messages still to come; guarded by of.mu
	answers chan *nats.Msg
	timer   *time.Timer
}

// Open subscribes to the replies to pull requests to a consumer; [Requests.Close] unsubscribes.
func Open(nc *nats.Conn, t tuning.Tuning, stream, consumer string) (*Requests, error) {
	p := &Requests{nc: nc, next: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer, inbox: nc.NewInbox(),
		answeredAll: make(chan struct{}), expires: t.PullExpires, lost: t.PullExpires + t.PullMargin}
	var err error
	if p.sub, err = nc.Subscribe(p.inbox+".*", p.answered); err != nil {
		return nil, fmt.Errorf("take messages of %s: %w", stream, err)
	}
	return p, nil
}

// Close returns messages arriving from now on to the server, and unsubscribes.
func (p *Requests) Close() {
	p.mu.Lock()
	p.open = nil
	p.mu.Unlock()
	_ = p.sub.Drain()
}

// Drain is like [Requests.Close], but in a cluster it stays subscribed in the background until the server has answered
// every request or they have expired. The function background starts a goroutine; the connection must stay open until
// it ends. A request crossing accounts on one server may be open on another, which does not learn of the
// unsubscription. A message sent to it would be lost until the consumer's AckWait is over.
func (p *Requests) Drain(background func(func())) {
	p.mu.Lock()
	p.open, p.closed = nil, true
	expired := p.lastSent.Add(p.lost)
	wait := p.unanswered > 0 && time.Now().Before(expired) && p.nc.IsConnected() && p.nc.ConnectedClusterName() != ""
	p.mu.Unlock()
	if !wait {
		p.Close()
		return
	}
	background(func() {
		defer p.Close()
		end := time.NewTimer(time.Until(expired))
		defer end.Stop()
		gone := p.nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
		defer p.nc.RemoveStatusListener(gone)
		select {
		case <-p.answeredAll:
		case <-gone:
		case <-end.C:
		}
	})
}

// body is the body of a pull request.
type body struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires,omitempty"`
	NoWait  bool          `json:"no_wait,omitempty"` // answer at once if there is no message
}

// Send requests up to batch messages. The request expires after the connection's PullExpires.
func (p *Requests) Send(batch int) (*Request, error) {
	return p.send(body{Batch: batch, Expires: p.expires})
}

// SendNoWait requests up to batch of the messages the consumer has now.
func (p *Requests) SendNoWait(batch int) (*Request, error) {
	return p.send(body{Batch: batch, NoWait: true})
}

func (p *Requests) send(question body) (*Request, error) {
	data, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	batch := question.Batch
	p.mu.Lock()
	p.sent++
	p.unanswered++
	p.lastSent = time.Now()
	r := &Request{of: p, inbox: p.inbox + "." + strconv.FormatUint(p.sent, 36), left: batch,
		answers: make(chan *nats.Msg, batch+1)}
	// The order of the list must be the order of sending; otherwise a message could be passed to the wrong request.
	p.open = append(p.open, r)
	err = p.nc.PublishRequest(p.next, r.inbox, data)
	p.mu.Unlock()
	if err != nil {
		p.remove(r)
		p.mu.Lock()
		p.unanswered--
		p.mu.Unlock()
		return nil, err
	}
	r.timer = time.NewTimer(p.lost)
	return r, nil
}

func (p *Requests) remove(r *Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(r)
}

func (p *Requests) removeLocked(r *Request) {
	for i := range p.open {
		if p.open[i] == r {
			p.open = append(p.open[:i:i], p.open[i+1:]...)
			return
		}
	}
}

// answered handles a message or a status from the server.
func (p *Requests) answered(m *nats.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countAnswer()
	if m.Reply == "" { // a status need not be settled
		for _, r := range p.open {
			if r.inbox == m.Subject {
				p.removeLocked(r)
				r.answers <- m
				return
			}
		}
		return // of an abandoned request
	}
	if len(p.open) == 0 {
		_ = p.nc.Publish(m.Reply, nakBody)
		return
	}
	r := p.open[0]
	if r.left--; r.left == 0 {
		p.removeLocked(r)
	}
	r.answers <- m
}

// countAnswer records that one request fewer is open at the server: it was answered, or counts as lost.
func (p *Requests) countAnswer() {
	if p.unanswered > 0 {
		p.unanswered--
	}
	if p.closed && p.unanswered == 0 {
		select {
		case <-p.answeredAll:
		default:
			close(p.answeredAll)
		}
	}
}

// Read returns the next message of the request. The error is ErrEnded after the last message, ErrLost, a
// [StatusError], nats.ErrNoResponders, or the cause of ctx.
func (r *Request) Read(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-r.answers:
		return r.outcome(m)
	default:
	}
	if r.done() {
		return r.rest(ErrEnded)
	}
	select {
	case m := <-r.answers:
		return r.outcome(m)
	case <-r.timer.C:
		return r.rest(ErrLost)
	case <-ctx.Done():
		return r.rest(context.Cause(ctx))
	}
}

// done reports whether all messages of the request were delivered.
func (r *Request) done() bool {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	return r.left == 0
}

// rest abandons the request, unless a reply has just arrived.
func (r *Request) rest(why error) (*nats.Msg, error) {
	r.of.remove(r)
	select {
	case m := <-r.answers:
		return r.outcome(m)
	default:
	}
	if errors.Is(why, ErrLost) {
		r.of.mu.Lock()
		r.of.countAnswer()
		r.of.mu.Unlock()
	}
	return nil, why
}

func (r *Request) outcome(m *nats.Msg) (*nats.Msg, error) {
	if m.Reply != "" {
		return m, nil
	}
	r.timer.Stop()
	switch status := m.Header.Get("Status"); status {
	case "404", "408":
		return nil, ErrEnded
	case "503":
		return nil, nats.ErrNoResponders
	default:
		return nil, &StatusError{status, m.Header.Get("Description")}
	}
}

// End abandons the request. Messages the server still sends for it are passed to another request, or returned.
func (r *Request) End() {
	r.timer.Stop()
	r.of.remove(r)
	for {
		select {
		case m := <-r.answers:
			if m.Reply != "" {
				_ = r.of.nc.Publish(m.Reply, nakBody)
			}
		default:
			return
		}
	}
}

// StatusError is a reply stating a problem with the consumer, such as its deletion or a new leader.
type StatusError struct{ code, description string }

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered with status %s %s", e.code, e.description)
}
