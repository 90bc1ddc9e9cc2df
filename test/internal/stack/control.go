package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"plumbline.dev/proto"
)

// Control calls the control plane as a client of the v4 API does: with its own idea of the contract, and
// nothing of the services' code.
type Control struct {
	Account proto.Account
	base    string
	token   string
	http    *http.Client
}

// NewControl makes a client for an account.
func NewControl(addr, account, token string) (*Control, error) {
	a, err := proto.ParseAccount(account)
	if err != nil {
		return nil, err
	}
	return &Control{
		Account: a, base: "http://" + addr + "/client/v4/accounts/" + account, token: token,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 10 * time.Second}},
	}, nil
}

// Refused is an answer that is not 2xx.
type Refused struct {
	Status int
	Codes  []int
	Body   string
}

func (r *Refused) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Body) }

// Send makes a request with a body of the type and decodes the envelope's result into result, which may be
// nil.
func (c *Control) Send(ctx context.Context, method, path, kind string, body io.Reader, result any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err != nil {
		return err
	}
	var envelope struct {
		Success bool
		Errors  []struct {
			Code    int
			Message string
		}
		Result json.RawMessage
	}
	if err := json.Unmarshal(data, &envelope); err != nil {
		return fmt.Errorf("%s %s: status %d, not an envelope: %.300q", method, path, resp.StatusCode, data)
	}
	if resp.StatusCode/100 != 2 || !envelope.Success {
		r := &Refused{Status: resp.StatusCode, Body: string(data)}
		for _, e := range envelope.Errors {
			r.Codes = append(r.Codes, e.Code)
		}
		return fmt.Errorf("%s %s: %w", method, path, r)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(envelope.Result, result); err != nil {
		return fmt.Errorf("%s %s: result %.300s: %w", method, path, envelope.Result, err)
	}
	return nil
}

// Call is Send with a JSON body, or none where it is nil.
func (c *Control) Call(ctx context.Context, method, path string, body, result any) error {
	if body == nil {
		return c.Send(ctx, method, path, "", nil, result)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.Send(ctx, method, path, "application/json", bytes.NewReader(data), result)
}

// Fetch makes a request and reads the answer, which must be 2xx, to its end without looking at it. It gives the
// answer's length.
func (c *Control) Fetch(ctx context.Context, method, path string, body []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = &Refused{Status: resp.StatusCode}
	}
	return n, err
}

// Cursors walks a list and gives the query members by which its pages are asked for, that of the first being
// empty; most bounds how many.
func (c *Control) Cursors(ctx context.Context, path string, most int) ([]string, error) {
	cursors := []string{""}
	for len(cursors) < most {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+cursors[len(cursors)-1], nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, err
		}
		var page struct {
			Info struct{ Cursor string } `json:"result_info"`
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || page.Info.Cursor == "" {
			return cursors, err
		}
		cursors = append(cursors, "&cursor="+url.QueryEscape(page.Info.Cursor))
	}
	return cursors, nil
}

// ServiceToken is what creating one answers.
type ServiceToken struct {
	ID           string `json:"id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// CreateToken makes a service token.
func (c *Control) CreateToken(ctx context.Context, name string) (ServiceToken, error) {
	var t ServiceToken
	err := c.Call(ctx, http.MethodPost, "/access/service_tokens", map[string]any{"name": name}, &t)
	return t, err
}

// Application is what creating one answers.
type Application struct {
	ID  string `json:"id"`
	AUD string `json:"aud"`
}

// CreateApplication makes an application over a domain, which lets in the service tokens with the ids.
func (c *Control) CreateApplication(ctx context.Context, name, domain string, tokens ...string) (Application, error) {
	include := []any{}
	for _, id := range tokens {
		include = append(include, map[string]any{"service_token": map[string]string{"token_id": id}})
	}
	body := map[string]any{"name": name, "type": "self_hosted", "domain": domain, "session_duration": "1h"}
	if len(include) > 0 {
		body["policies"] = []any{map[string]any{"name": name, "decision": "non_identity", "include": include}}
	}
	var a Application
	err := c.Call(ctx, http.MethodPost, "/access/apps", body, &a)
	return a, err
}

// Integration is what is configured of one.
type Integration struct {
	Name, URL, Interval    string
	ClientID, ClientSecret string
	Concurrency            int // 0: the default
}

// CreateIntegration makes an integration, "Test and save" included.
func (c *Control) CreateIntegration(ctx context.Context, i Integration) (proto.ID, error) {
	body := map[string]any{
		"name": i.Name, "type": "custom_s2s", "interval": i.Interval,
		"config": map[string]string{"api_url": i.URL, "access_client_id": i.ClientID, "access_client_secret": i.ClientSecret},
	}
	if i.Concurrency > 0 {
		body["x_concurrency"] = i.Concurrency
	}
	return c.create(ctx, "/devices/posture/integration", body)
}

// ChangeIntegration changes what the body names.
func (c *Control) ChangeIntegration(ctx context.Context, id proto.ID, body map[string]any) error {
	return c.Call(ctx, http.MethodPatch, "/devices/posture/integration/"+id.String(), body, nil)
}

// RemoveIntegration removes one.
func (c *Control) RemoveIntegration(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodDelete, "/devices/posture/integration/"+id.String(), nil, nil)
}

// Pause stops the polls of an integration.
func (c *Control) Pause(ctx context.Context, id proto.ID) error {
	return c.ChangeIntegration(ctx, id, map[string]any{"x_paused": true})
}

// Resume continues the polls of an integration.
func (c *Control) Resume(ctx context.Context, id proto.ID) error {
	return c.ChangeIntegration(ctx, id, map[string]any{"x_paused": false})
}

// PollNow has an integration polled at once.
func (c *Control) PollNow(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodPost, "/plumbline/integrations/"+id.String()+"/poll", nil, nil)
}

// Check is what is configured of one.
type Check struct {
	Name        string
	Integration proto.ID
	Operator    string
	Score       int
	Expiration  string
}

func (k Check) body() map[string]any {
	body := map[string]any{"name": k.Name, "type": "custom_s2s",
		"input": map[string]any{"connection_id": k.Integration, "operator": k.Operator, "score": k.Score}}
	if k.Expiration != "" {
		body["expiration"] = k.Expiration
	}
	return body
}

// CreateCheck makes a check.
func (c *Control) CreateCheck(ctx context.Context, k Check) (proto.ID, error) {
	return c.create(ctx, "/devices/posture", k.body())
}

// ChangeCheck puts another check in the place of one.
func (c *Control) ChangeCheck(ctx context.Context, id proto.ID, k Check) error {
	return c.Call(ctx, http.MethodPut, "/devices/posture/"+id.String(), k.body(), nil)
}

// RemoveCheck removes one.
func (c *Control) RemoveCheck(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodDelete, "/devices/posture/"+id.String(), nil, nil)
}

func (c *Control) create(ctx context.Context, path string, body any) (proto.ID, error) {
	var made struct {
		ID proto.ID `json:"id"`
	}
	err := c.Call(ctx, http.MethodPost, path, body, &made)
	return made.ID, err
}

// Imported is what an import answers.
type Imported struct {
	Enrolled  int `json:"enrolled"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Refused   int `json:"refused"`
}

// Import enrols devices, streamed as NDJSON.
func (c *Control) Import(ctx context.Context, devices func(yield func(proto.Device) bool)) (Imported, error) {
	r, w := io.Pipe()
	go func() {
		e := json.NewEncoder(w)
		for d := range devices {
			if err := e.Encode(d); err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.Close()
	}()
	defer r.Close()
	var done Imported
	err := c.Send(ctx, http.MethodPost, "/plumbline/devices", "application/x-ndjson", r, &done)
	return done, err
}

// ImportCSV enrols the devices of a CSV.
func (c *Control) ImportCSV(ctx context.Context, csv io.Reader) (Imported, error) {
	var done Imported
	err := c.Send(ctx, http.MethodPost, "/plumbline/devices", "text/csv", csv, &done)
	return done, err
}

// RemoveDevice removes one.
func (c *Control) RemoveDevice(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodDelete, "/plumbline/devices/"+id.String(), nil, nil)
}
