package forward

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"plumbline.dev/services/gateway/gate"
)

// described is a request as described by Envoy.
type described struct {
	gate.Request
	// behind reports that a trusted proxy is in front of Envoy. Its X-Forwarded-* headers stay on the request.
	behind bool
}

// describe converts Envoy's attributes. Their names and meanings are those of attribute_context.proto.
func (s *Authz) describe(at *authv3.AttributeContext) (*described, error) {
	h := at.GetRequest().GetHttp()
	if h == nil {
		return nil, errors.New("not an HTTP request")
	}
	header, err := headersOf(h)
	if err != nil {
		return nil, err
	}
	source, err := netip.ParseAddr(at.GetSource().GetAddress().GetSocketAddress().GetAddress())
	if err != nil {
		return nil, errors.New("the source is not an IP address")
	}
	client := ClientAddr(source, header["X-Forwarded-For"], s.cfg.Trusted)
	if !client.IsValid() {
		return nil, errNoClient
	}
	o := &original{method: h.GetMethod(), scheme: h.GetScheme(), host: h.GetHost(), uri: h.GetPath()}
	// Envoy sets X-Forwarded-Proto from the connection, or accepts it from a trusted proxy. The scheme attribute may
	// come from an HTTP/2 client.
	if proto := header["X-Forwarded-Proto"]; len(proto) > 0 {
		if o.scheme, err = single(header, "X-Forwarded-Proto"); err != nil {
			return nil, err
		}
	}
	r, err := o.request(header, client)
	if err != nil {
		return nil, err
	}
	r.Body = h.GetSize() > 0 || h.GetBody() != "" || len(h.GetRawBody()) > 0
	r.Certificate = s.certs.verified(at.GetSource().GetCertificate())
	return &described{Request: *r, behind: Contains(s.cfg.Trusted, source)}, nil
}

// headersOf returns the request's headers: separate lines if Envoy sends them (encode_raw_headers), otherwise joined
// values.
func headersOf(h *authv3.AttributeContext_HttpRequest) (http.Header, error) {
	header := http.Header{}
	add := func(name, value string) error {
		if strings.HasPrefix(name, ":") {
			return nil
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !tokenRune(r) }) {
			return fmt.Errorf("a header has the name %.64q", name)
		}
		header.Add(name, value)
		return nil
	}
	if raw := h.GetHeaderMap().GetHeaders(); len(raw) > 0 {
		for _, line := range raw {
			value := line.GetValue()
			if bytes := line.GetRawValue(); len(bytes) > 0 {
				value = string(bytes)
			}
			if err := add(line.GetKey(), value); err != nil {
				return nil, err
			}
		}
		return header, nil
	}
	for name, value := range h.GetHeaders() {
		if err := add(name, value); err != nil {
			return nil, err
		}
	}
	return header, nil
}
