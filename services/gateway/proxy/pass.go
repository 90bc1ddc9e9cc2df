package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"

	"plumbline.dev/services/gateway/gate"
)

// pass sends an ordinary request to its origin. It is what httputil.ReverseProxy does, which it leaves only
// requests to upgrade: the headers are made once rather than copied and then taken apart, which is what makes
// up for the cost of the decision.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, origin *url.URL, q Request) {
	q.Body = r.ContentLength != 0
	ctx, passage := p.watch.begin(r.Context(), w, q)
	defer passage.end()
	out := toOrigin(ctx, r, origin, q)
	if out.Body != nil {
		// The transport may still read it when this handler is over, and net/http uses its buffers again: closed,
		// it gives an error.
		defer out.Body.Close()
	}
	answer, err := p.roundTrip(out, passage)
	passage.answered()
	if err != nil {
		p.unanswered(w, r, passage, err)
		return
	}
	defer answer.Body.Close()
	p.answer(w, r, passage, answer)
}

// toOrigin makes the origin's request of the client's.
func toOrigin(ctx context.Context, r *http.Request, origin *url.URL, q Request) *http.Request {
	out := r.WithContext(ctx)
	out.URL, out.Host, out.RequestURI, out.Close = target(origin, q), q.URL.Host, "", false
	out.Header = make(http.Header, len(r.Header)+7)
	gate.Copy(out.Header, r.Header, q.Answer, hopOf(r.Header))
	introduce(out.Header, q)
	if slices.ContainsFunc(r.Header["Te"], func(v string) bool { return hasToken(v, "trailers") }) {
		out.Header["Te"] = []string{"trailers"} // which gRPC asks for
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // none, rather than that of net/http
	}
	out.Trailer = nil // a client's trailers could be read as headers that were decided upon
	if r.ContentLength == 0 {
		out.Body = nil // so that a request over a connection that has just ended can be made again
	}
	return out
}

// roundTrip gives the origin's answer. What comes before it is passed on.
func (p *Proxy) roundTrip(out *http.Request, of *passage) (*http.Response, error) {
	early := &hints{to: of.w, of: of}
	defer early.end()
	if p.direct != nil {
		if answer, taken, err := p.direct.Try(out, early); taken {
			return answer, err
		}
	}
	return p.transport.RoundTrip(out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		Got1xxResponse: early.Early, WroteRequest: func(httptrace.WroteRequestInfo) { early.Sent() }})))
}

// hints is told how a request goes, and passes on what an origin says before its answer, such as 103 Early Hints. [http.Transport] calls Early from
// a goroutine of its own, also after it has given up the request: by then the writer is no longer ours.
type hints struct {
	of    *passage
	mu    sync.Mutex
	to    http.ResponseWriter
	ended bool
}

// Sent implements [direct.Witness].
func (e *hints) Sent() { e.of.sent() }

// Early implements [direct.Witness].
func (e *hints) Early(code int, h textproto.MIMEHeader) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended || code == http.StatusContinue {
		return nil // the server itself tells the client to continue, when the body is first read
	}
	head := e.to.Header()
	copyHeader(head, http.Header(h))
	e.to.WriteHeader(code)
	clear(head)
	return nil
}

// end is to be called before anything else is done with the writer.
func (e *hints) end() {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
}

// answer gives the client what the origin answered.
func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, of *passage, a *http.Response) {
	q := of.q
	switch {
	case a.StatusCode == http.StatusSwitchingProtocols:
		p.unanswered(w, r, of, errSwitched)
		return
	case a.StatusCode < 100:
		p.unanswered(w, r, of, errStatus)
		return
	}
	head, hop := w.Header(), hopOf(a.Header)
	for name, values := range a.Header {
		if !hop(name) {
			head[name] = values // nobody has set any yet
		}
	}
	announced := len(a.Trailer)
	for name := range a.Trailer {
		head.Add("Trailer", name)
	}
	for _, c := range q.Answer.SetCookies {
		head.Add("Set-Cookie", c.String())
	}
	w.WriteHeader(a.StatusCode)
	if err := copyBody(w, a); err != nil {
		// The status is out already: only the end of the connection tells the client that something is missing.
		if !errors.Is(err, context.Canceled) {
			p.log.Debug("an answer ended early", "ray", q.Answer.Ray, "application", q.Answer.App.Value.ID, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	a.Body.Close() // which fills in the trailers
	if len(a.Trailer) == 0 {
		return
	}
	// What has trailers is chunked, however short it is.
	_ = http.NewResponseController(w).Flush()
	prefix := ""
	if len(a.Trailer) != announced {
		prefix = http.TrailerPrefix // the client was not told of all of them
	}
	for name, values := range a.Trailer {
		head[prefix+name] = values
	}
}

var (
	errSwitched = errors.New("the origin switched protocols without being asked to")
	errStatus   = errors.New("the origin answered with a status below 100, which no client could be told")
)

// copyBody copies an answer's body; a stream is flushed with each piece of it.
func copyBody(w http.ResponseWriter, a *http.Response) error {
	if a.ContentLength == 0 || a.Body == http.NoBody {
		return nil
	}
	buffer := buffers{}.Get()
	defer buffers{}.Put(buffer)
	var flush func() error
	if a.ContentLength < 0 || strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		flush = http.NewResponseController(w).Flush
		if err := flush(); err != nil {
			return err
		}
	}
	for {
		n, err := a.Body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if flush != nil {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // what wraps it is a failure
			return nil
		case err != nil:
			return err
		}
	}
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = append(to[name], values...)
	}
}

// hopOf tells the headers that concern one connection only: those that always do, and those that the
// Connection header names (RFC 9110, 7.6.1).
func hopOf(h http.Header) func(name string) bool {
	named := h["Connection"]
	if len(named) == 0 {
		return isHop
	}
	return func(name string) bool {
		return isHop(name) || slices.ContainsFunc(named, func(v string) bool { return hasToken(v, name) })
	}
}

func isHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// hasToken tells whether a list of tokens, separated by commas, has one.
func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if t, _, _ = strings.Cut(t, ";"); strings.EqualFold(strings.Trim(t, " \t"), token) {
			return true
		}
	}
	return false
}
