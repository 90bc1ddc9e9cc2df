package forward

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"plumbline.dev/bus/bustest"
)

// envoy is an Envoy's ext_authz filter: it asks over gRPC, and does with a request what it is told.
type envoy struct {
	t      *testing.T
	client authv3.AuthorizationClient
	conn   *grpc.ClientConn
	gate   *decider
	stop   func() error
}

func newEnvoy(t *testing.T, change func(*AuthzConfig)) *envoy {
	t.Helper()
	e := &envoy{t: t, gate: new(decider)}
	cfg := AuthzConfig{Addr: "127.0.0.1:0", From: prefixes("127.0.0.0/8"), Trusted: prefixes("10.0.0.0/8")}
	if change != nil {
		change(&cfg)
	}
	s, err := NewAuthz(cfg, Deps{Gate: e.gate, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	e.stop = func() error { cancel(); return <-ended }
	bustest.Eventually(t, "the server listens", func() bool { return s.Bound() != "" })
	if e.conn, err = grpc.NewClient(s.Bound(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.conn.Close() })
	e.client = authv3.NewAuthorizationClient(e.conn)
	return e
}

// attributes are those of a request: header is name and value by turns.
func attributes(method, path string, header ...string) *authv3.AttributeContext {
	h := &authv3.AttributeContext_HttpRequest{Method: method, Scheme: "https", Host: "app.example.com", Path: path,
		Protocol: "HTTP/2", HeaderMap: &corev3.HeaderMap{}}
	for i := 0; i < len(header); i += 2 {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers,
			&corev3.HeaderValue{Key: strings.ToLower(header[i]), RawValue: []byte(header[i+1])})
	}
	h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: ":path", RawValue: []byte(path)})
	return &authv3.AttributeContext{Source: source("198.51.100.7"), Request: &authv3.AttributeContext_Request{Http: h}}
}

// joined returns the headers in the other form, Envoy's default.
func joined(a *authv3.AttributeContext) *authv3.AttributeContext {
	h := a.Request.Http
	h.Headers = map[string]string{}
	for _, line := range h.HeaderMap.Headers {
		value := string(line.RawValue)
		if before, there := h.Headers[line.Key]; there {
			value = before + "," + value
		}
		h.Headers[line.Key] = value
	}
	h.HeaderMap = nil
	return a
}

func source(address string) *authv3.AttributeContext_Peer {
	socket := &corev3.SocketAddress{Address: address,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}}
	return &authv3.AttributeContext_Peer{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: socket}}}
}

func (e *envoy) check(a *authv3.AttributeContext) *authv3.CheckResponse {
	e.t.Helper()
	answer, err := e.client.Check(e.t.Context(), &authv3.CheckRequest{Attributes: a})
	if err != nil {
		e.t.Fatal(err)
	}
	if err := answer.ValidateAll(); err != nil {
		e.t.Errorf("an answer that Envoy would not take: %v", err)
	}
	return answer
}

// apply does to a request what an answer says, in Envoy's order: set and add, then remove.
func apply(h http.Header, ok *authv3.OkHttpResponse) http.Header {
	h = h.Clone()
	for _, o := range ok.GetHeaders() {
		if o.AppendAction == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			h.Del(o.Header.Key)
		}
		h.Add(o.Header.Key, o.Header.Value)
	}
	for _, name := range ok.GetHeadersToRemove() {
		h.Del(name)
	}
	return h
}

func headerOf(a *authv3.AttributeContext) http.Header {
	h := http.Header{}
	for _, line := range a.Request.Http.HeaderMap.GetHeaders() {
		if !strings.HasPrefix(line.Key, ":") {
			h.Add(line.Key, string(line.RawValue))
		}
	}
	for name, value := range a.Request.Http.Headers {
		if !strings.HasPrefix(name, ":") {
			h.Add(name, value)
		}
	}
	return h
}
