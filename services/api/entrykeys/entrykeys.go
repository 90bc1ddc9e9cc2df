// Package entrykeys serves the public keys of signed entries, without credentials: anybody may verify entries.
package entrykeys

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/clock"
)

// Path is the URL path of the public keys.
const Path = "/client/v4/plumbline/entry-keys"

const (
	// fresh is how long a document is served without asking an evaluator again. It bounds the requests on the bus.
	fresh = time.Second
	// askTimeout bounds an evaluator's answer.
	askTimeout = 3 * time.Second
)

// API serves the public keys. It is safe for concurrent use.
type API struct {
	conn  *bus.Conn
	clock clock.Clock

	mu       sync.Mutex
	document []byte // nil before the first answer
	at       time.Time
}

// New returns the API of the public keys.
func New(conn *bus.Conn, c clock.Clock) *API { return &API{conn: conn, clock: c} }

// Routes returns no routes: the keys need no credentials. [API.Serve] answers.
func (a *API) Routes() []v4.Route { return nil }

// Serve serves the public keys as a JSON Web Key Set. Without an evaluator it serves the last known ones, which stay
// valid.
func (a *API) Serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return v4.MethodNotAllowed(http.MethodGet)
	}
	document, err := a.current(r.Context())
	if err == nil {
		v4.SendJSON(w, http.StatusOK, document)
	}
	return err
}

// current returns the document. Concurrent requests share one question to the evaluators.
func (a *API) current(ctx context.Context) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since := a.clock.Now().Sub(a.at); a.document != nil && since >= 0 && since < fresh {
		return a.document, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	document, err := a.ask(ctx)
	if err == nil {
		a.document = document
	}
	if a.document == nil {
		return nil, v4.Unavailable(err, "the public keys of entries are not available because no evaluator answered: "+
			"start one, then try again")
	}
	a.at = a.clock.Now()
	return a.document, nil
}

func (a *API) ask(ctx context.Context) ([]byte, error) {
	var reply proto.EntryKeysAnswer
	if err := a.conn.Request(ctx, topology.EntryKeysAsked, &proto.EntryKeysQuery{}, &reply); err != nil {
		return nil, err
	}
	if reply.Error != nil {
		return nil, fmt.Errorf("an evaluator answered: %s", reply.Error.Message)
	}
	if _, err := entrysign.ParseKeys(reply.Keys); err != nil {
		return nil, err
	}
	return reply.Keys, nil
}

// Describe adds the path to a description.
func (a *API) Describe(d *openapi.Description) {
	text, number := openapi.Schema{"type": "string"}, openapi.Schema{"type": "integer"}
	key := openapi.Schema{"type": "object", "required": []string{"kty", "crv", "x", "kid", "alg", "use"},
		"properties": openapi.Members{"kty": text, "crv": text, "x": text, "alg": text, "use": text,
			"kid":        text.Describe("Thumbprint of the key (RFC 7638)."),
			"created_at": number.Describe("Unix time, in seconds."),
			"retired_at": number.Describe("Unix time at which the private key was deleted, in seconds.")}}
	d.Public[Path] = map[string]any{
		"operationId": "get_entry_keys", "summary": "Get the public keys of signed entries", "security": []any{},
		"description": "A JSON Web Key Set (RFC 7517). Keys are kept for ever. Save them: a person who controls the bus " +
			"can present other keys.",
		"responses": map[string]any{
			"200": map[string]any{"description": "The keys.", "content": map[string]any{
				"application/json": map[string]any{"schema": openapi.Schema{"type": "object", "required": []string{"keys"},
					"properties": map[string]any{"keys": openapi.Schema{"type": "array", "items": key}}}}}},
			"503": map[string]any{"description": "No evaluator answered, and no keys are known."},
		},
	}
}
