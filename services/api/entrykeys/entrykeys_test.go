package entrykeys_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/entrykeys"
)

// answer starts a stand-in for the evaluator, and returns a function to end it.
func answer(t *testing.T, f *apitest.Fixture, document []byte) (stop func()) {
	t.Helper()
	conn, listening := f.Bus.Conn(topology.Evaluator), make(chan struct{})
	stop = bustest.Run(t, func(ctx context.Context) error {
		return conn.Answer(ctx, bus.Endpoint{Subject: topology.EntryKeysAsked, Role: topology.Evaluator,
			Listening: func() { close(listening) },
			Handle:    func(context.Context, *bus.Msg) proto.Message { return &proto.EntryKeysAnswer{Keys: document} },
			Refuse:    func(error) proto.Message { return &proto.EntryKeysAnswer{} }})
	})
	<-listening
	return stop
}

func TestPublicKeys(t *testing.T) {
	f := apitest.Start(t)
	respond := func(method string) *httptest.ResponseRecorder { // without credentials
		w := httptest.NewRecorder()
		f.Handler.ServeHTTP(w, httptest.NewRequest(method, entrykeys.Path, nil))
		return w
	}
	if w := respond(http.MethodGet); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without an evaluator: %d %s", w.Code, w.Body)
	}
	set := func(seed byte) (kid string, document []byte) {
		public := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed)).Public().(ed25519.PublicKey)
		document, err := json.Marshal(entrysign.JWKS{Keys: []entrysign.JWK{entrysign.NewJWK(public)}})
		if err != nil {
			t.Fatal(err)
		}
		return entrysign.KeyID(public), document
	}
	expect := func(when, kid string) {
		t.Helper()
		w := respond(http.MethodGet)
		keys, err := entrysign.ParseKeys(w.Body.Bytes())
		if w.Code != http.StatusOK || err != nil || len(keys) != 1 || keys[kid] == nil {
			t.Errorf("%s: %d %s, %v", when, w.Code, w.Body, err)
		}
	}
	first, document := set(1)
	stop := answer(t, f, document)
	expect("with an evaluator", first)
	stop()
	f.Clock.Advance(time.Minute)
	expect("the evaluator is gone", first)
	second, document := set(2)
	answer(t, f, document)
	expect("within a second", first)
	f.Clock.Advance(time.Second)
	expect("later", second)
	if w := respond(http.MethodPost); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
