package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"plumbline.dev/proto"
)

// Config configures a client.
type Config struct {
	URL   string // of the server: http://host:port, with or without /client/v4
	Token string // an API token
	// Assertion is the gateway's assertion of a member (Cf-Access-Jwt-Assertion), in place of Token.
	Assertion string
	Account   proto.Account
	// Transport sends the requests. Default: a transport that ignores proxy variables.
	Transport http.RoundTripper
	// Wait waits before a request is repeated because the server was too busy; why is the reason. It returns the error
	// of ctx if ctx ends first. Default: a timer, and only status 429 is repeated.
	Wait func(ctx context.Context, d time.Duration, why string) error
	// Once sends each request once: the answer of a busy server is returned at once.
	Once bool
}

// Client calls the API of one account. It is safe for concurrent use.
type Client struct {
	root  string // ends in /client/v4
	base  string // ends in /accounts/<account>
	token string
	proof string // the gateway's assertion, if token is empty
	once  bool
	http  *http.Client
	wait  func(ctx context.Context, d time.Duration, why string) error

	outages bool // repeat after 502, 503 and 504 too

	Integrations  Collection[Integration]
	Checks        Collection[Check]
	ServiceTokens Collection[ServiceToken]
	Applications  Collection[Application]

	Policies          Collection[Policy] // reusable policies
	Groups            Collection[Group]
	IdentityProviders Collection[IdentityProvider]
}

// maxAnswer is the largest response that is read into memory, in bytes.
const maxAnswer = 64 << 20

// New returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.Account.IsZero() {
		return nil, errors.New("the account id is missing")
	}
	return connect(cfg)
}

// connect returns a client. Its account may be missing.
func connect(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q must be the URL of a control plane, such as http://127.0.0.1:8400", cfg.URL)
	}
	if cfg.Token == "" && cfg.Assertion == "" {
		return nil, errors.New("the API token is missing")
	}
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConns:    4,
			IdleConnTimeout: 30 * time.Second,
		}
	}
	root := strings.TrimSuffix(strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/"), "/client/v4") + "/client/v4"
	c := &Client{
		root: root, base: root + "/accounts/" + cfg.Account.String(),
		token: cfg.Token, proof: cfg.Assertion, once: cfg.Once,
		wait: cfg.Wait, outages: cfg.Wait != nil,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this server only
		}},
	}
	if c.wait == nil {
		c.wait = sleep
	}
	c.Integrations = collection[Integration](c, KindIntegration)
	c.Checks = collection[Check](c, KindCheck)
	c.ServiceTokens = collection[ServiceToken](c, KindServiceToken)
	c.Applications = collection[Application](c, KindApplication)
	c.Policies = collection[Policy](c, KindPolicy)
	c.Groups = collection[Group](c, KindGroup)
	c.IdentityProviders = collection[IdentityProvider](c, KindIdentityProvider)
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is an error response of the control plane.
type Error struct {
	Status  int // HTTP status
	Code    int // code of the first error in the envelope, or 0
	Message string
	Detail  json.RawMessage // x_detail of the first error: facts for programs
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("the control plane answered %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("%s (code %d)", e.Message, e.Code)
}

// notFoundError is returned if no resource of the kind has the id or name.
type notFoundError struct{ kind, idOrName, near string }

func (e *notFoundError) Error() string {
	text := fmt.Sprintf("no %s has the id or name %q", e.kind, e.idOrName)
	if e.near != "" {
		text += "; these come close: " + e.near
	}
	return text
}

// IsNotFound reports whether an error says that a resource does not exist.
func IsNotFound(err error) bool {
	if _, ok := errors.AsType[*notFoundError](err); ok {
		return true
	}
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// codeAuthentication is the code of an error about a credential that is unknown, expired or revoked.
const codeAuthentication = 10000

// IsUnauthenticated reports whether an error says that the credential is not accepted, whatever the request.
func IsUnauthenticated(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && e.Code == codeAuthentication)
}

// refusedError is returned if nothing listens at the address of the control plane.
type refusedError struct{ host string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("no control plane listens at %s: start plumb up there, or give another --url", e.host)
}

// IsUnreachable reports whether an error says that the control plane gave no response.
func IsUnreachable(err error) bool {
	if _, ok := errors.AsType[*refusedError](err); ok {
		return true
	}
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// HasStatus reports whether an error is a response of the control plane with an HTTP status.
func HasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// IsStale reports whether an error says that a resource has another revision than the request expects.
func IsStale(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusPreconditionFailed
}

// envelope is the outer object of every response.
type envelope struct {
	Success bool `json:"success"`
	Errors  []struct {
		Code    int    `json:"code"`
		Message string `json:"message"`

		Detail json.RawMessage `json:"x_detail"`
	} `json:"errors"`
	// Messages are as Cloudflare's API sends them: objects, of which nothing but the text is looked at.
	Messages messages        `json:"messages"`
	Result   json.RawMessage `json:"result"`
	Info     struct {
		Cursor  string `json:"cursor"`
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
		Newest   string     `json:"x_newest"`
		Searched *time.Time `json:"searched_until"`
	} `json:"result_info"`
}

// call sends a request with an optional JSON body and returns the result member of the response.
func (c *Client) call(ctx context.Context, method, path string, body any) (json.RawMessage, error) {
	raw, _, err := c.callIf(ctx, method, path, "", body)
	return raw, err
}

// callIf is call with a precondition: if match is not empty, the request fails with status 412 unless the resource has
// that revision. It also returns the revision in the response, if any.
func (c *Client) callIf(ctx context.Context, method, path, match string, body any) (json.RawMessage, string, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, "", err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url(path), payload)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set(headerMessages, "1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	e, err := readEnvelope(resp)
	if err == nil {
		e.warn(ctx, req.Method)
	}
	return e.Result, resp.Header.Get("ETag"), err
}

// url returns the URL of a path of the account. Paths of zones are not below the account.
func (c *Client) url(path string) string {
	if strings.HasPrefix(path, zonesPath) || strings.HasPrefix(path, accountsPath) {
		return c.root + path
	}
	return c.base + path
}

const (
	zonesPath    = "/zones"
	accountsPath = "/accounts"
)

// request sends a request and returns the response, whatever its status.
func (c *Client) request(ctx context.Context, method, path, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return c.send(req)
}

func (c *Client) send(req *http.Request) (*http.Response, error) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	} else {
		req.Header.Set(HeaderAssertion, c.proof)
	}
	resp, err := c.patient(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, &refusedError{req.URL.Host}
	}
	return resp, err
}

func result(resp *http.Response) (json.RawMessage, error) {
	e, err := readEnvelope(resp)
	return e.Result, err
}

func readEnvelope(resp *http.Response) (envelope, error) {
	var e envelope
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return e, fmt.Errorf("response of the control plane: %w", err)
	}
	if len(data) > maxAnswer {
		return e, fmt.Errorf("response of the control plane: larger than %d bytes", maxAnswer)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" || json.Unmarshal(data, &e) != nil {
		return e, &Error{Status: resp.StatusCode, Message: "not an answer of a control plane; is --url right?"}
	}
	if resp.StatusCode/100 != 2 {
		err := &Error{Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode)}
		if len(e.Errors) > 0 {
			err.Code, err.Message, err.Detail = e.Errors[0].Code, e.Errors[0].Message, e.Errors[0].Detail
		}
		return e, err
	}
	return e, nil
}

func decode[T any](raw json.RawMessage, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("response of the control plane: %w", err)
	}
	return v, nil
}

// HeaderAssertion is the header with the gateway's assertion of a member.
const HeaderAssertion = "Cf-Access-Jwt-Assertion"

// headerMessages asks the control plane for every message about a response.
const headerMessages = "X-Plumbline-Messages"
