package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Bounds of a request for messages. A consumer waits no longer than both together for a request that was lost,
// or whose answer was, whatever the server and the client library believe.
const (
	pullExpires = 3 * time.Second // then the server answers that there is nothing
	pullMargin  = 2 * time.Second // how late that answer may be
)

var (
	// errPullLost is returned for a request that the server did not answer in time.
	errPullLost = errors.New("the request for messages was not answered")
	// errPullEnded is returned by [pull.next] when the server has nothing more to send for a request.
	errPullEnded = errors.New("the request for messages has ended")
)

// pulls sends requests for messages to one pull consumer and hands the answers out. It uses neither heartbeats
// nor prefetching. Requests share one subscription. The subject of a delivered message does not tell which
// request it answers, and the server serves requests in their order: a message goes to the oldest open request.
// A message that no request waits for is handed back at once, so that it does not wait out its claim.
type pulls struct {
	nc    *nats.Conn
	next  string // subject of requests
	inbox string
	sub   *nats.Subscription

	mu          sync.Mutex
	sent        uint64
	open        []*pull // oldest first
	unanswered  int     // requests for one message that the server still has
	lastSent    time.Time
	closed      bool
	answeredAll chan struct{} // closed once the server has none, after drain
}

// pull is a request for messages.
type pull struct {
	of      *pulls
	inbox   string
	left    int // messages that may still come; under of.mu
	answers chan *nats.Msg
	timer   *time.Timer
}

// pulls begins to listen for the answers to requests to a consumer; close ends it.
func (c *Conn) pulls(stream, consumer string) (*pulls, error) {
	p := &pulls{nc: c.nc, next: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer, inbox: c.nc.NewInbox(),
		answeredAll: make(chan struct{})}
	var err error
	if p.sub, err = c.nc.Subscribe(p.inbox+".*", p.answered); err != nil {
		return nil, fmt.Errorf("take messages of %s: %w", stream, err)
	}
	return p, nil
}

// close hands back what arrives from now on and stops listening.
func (p *pulls) close() {
	p.mu.Lock()
	p.open = nil
	p.mu.Unlock()
	_ = p.sub.Drain()
}

// drain is close, but in a cluster it listens on in the background, until the server has answered every request or they
// have expired; [Conn.Close] waits for it. A request that crosses accounts on one server may be open on another, which
// does not learn that nobody listens any more: a message that it sends is lost until the consumer's AckWait is over.
func (p *pulls) drain(c *Conn) {
	p.mu.Lock()
	p.open, p.closed = nil, true
	expired := p.lastSent.Add(pullExpires + pullMargin)
	wait := p.unanswered > 0 && time.Now().Before(expired) && p.nc.IsConnected() && p.nc.ConnectedClusterName() != ""
	p.mu.Unlock()
	if !wait {
		p.close()
		return
	}
	c.draining.Go(func() {
		defer p.close()
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

// pullRequest is the body of a request for messages.
type pullRequest struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires,omitempty"`
	NoWait  bool          `json:"no_wait,omitempty"` // answer at once where there is nothing
}

// send sends a request, which ends by itself after [pullExpires].
func (p *pulls) send(request pullRequest) (*pull, error) {
	if !request.NoWait {
		request.Expires = pullExpires
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	batch := request.Batch
	p.mu.Lock()
	p.sent++
	p.unanswered++
	p.lastSent = time.Now()
	r := &pull{of: p, inbox: p.inbox + "." + strconv.FormatUint(p.sent, 36), left: batch, answers: make(chan *nats.Msg, batch+1)}
	// In the order of the list, or an answer might go to another request.
	p.open = append(p.open, r)
	err = p.nc.PublishRequest(p.next, r.inbox, body)
	p.mu.Unlock()
	if err != nil {
		p.remove(r)
		p.mu.Lock()
		p.unanswered--
		p.mu.Unlock()
		return nil, err
	}
	r.timer = time.NewTimer(pullExpires + pullMargin)
	return r, nil
}

func (p *pulls) remove(r *pull) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(r)
}

func (p *pulls) removeLocked(r *pull) {
	for i := range p.open {
		if p.open[i] == r {
			p.open = append(p.open[:i:i], p.open[i+1:]...)
			return
		}
	}
}

// answered takes a message or a status from the server.
func (p *pulls) answered(m *nats.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countAnswer()
	if m.Reply == "" { // a status: nobody is to settle it
		for _, r := range p.open {
			if r.inbox == m.Subject {
				p.removeLocked(r)
				r.answers <- m
				return
			}
		}
		return // of a request that was given up
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

// countAnswer notes that the server has one request less, which was answered or is taken for lost.
func (p *pulls) countAnswer() {
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

// read returns the next message of the request. The error is errPullEnded after the last, errPullLost, a
// [statusError], nats.ErrNoResponders, or the end of ctx.
func (r *pull) read(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-r.answers:
		return r.outcome(m)
	default:
	}
	if r.done() {
		return r.rest(errPullEnded)
	}
	select {
	case m := <-r.answers:
		return r.outcome(m)
	case <-r.timer.C:
		return r.rest(errPullLost)
	case <-ctx.Done():
		return r.rest(context.Cause(ctx))
	}
}

// done reports whether every message of the request was handed out.
func (r *pull) done() bool {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	return r.left == 0
}

// rest gives the request up, unless an answer came meanwhile.
func (r *pull) rest(why error) (*nats.Msg, error) {
	r.of.remove(r)
	select {
	case m := <-r.answers:
		return r.outcome(m)
	default:
	}
	if errors.Is(why, errPullLost) {
		r.of.mu.Lock()
		r.of.countAnswer()
		r.of.mu.Unlock()
	}
	return nil, why
}

func (r *pull) outcome(m *nats.Msg) (*nats.Msg, error) {
	if m.Reply != "" {
		return m, nil
	}
	r.timer.Stop()
	switch status := m.Header.Get("Status"); status {
	case "404", "408":
		return nil, errPullEnded
	case "503":
		return nil, nats.ErrNoResponders
	default:
		return nil, &statusError{status, m.Header.Get("Description")}
	}
}

// end gives up the request. What the server still sends for it goes to another request, or is handed back.
func (r *pull) end() {
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

// statusError is an answer to a request for messages that is neither a message nor their absence: the consumer
// was deleted, or has another leader.
type statusError struct{ code, description string }

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered with status %s %s", e.code, e.description)
}
