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

// Control calls the control plane as a client of the v4 API does. It has its own model of the contract and shares no
// code with the services.
type Control struct {
	Account proto.Account
	base    string
	token   string
	http    *http.Client
}

// NewControl returns a client for an account.
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

// Refused is a response other than 2xx.
type Refused struct {
	Status int
	Codes  []int
	Body   string
}

func (r *Refused) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Body) }

// Send sends a request with a body of media type kind and decodes the envelope's result into result, unless it is
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

// Call is like [Control.Send], with body encoded as JSON, or without a body if it is nil.
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

// Fetch sends a request and reads the response to its end without decoding it. It returns the length of the response,
// and an error if its status is not 2xx.
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

// Cursors follows the cursors of a list and returns the query parameter of each page, at most most of them. The first
// one is empty.
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

// ServiceToken is the response to the creation of a service token.
type ServiceToken struct {
	ID           string `json:"id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// CreateToken creates a service token.
func (c *Control) CreateToken(ctx context.Context, name string) (ServiceToken, error) {
	var t ServiceToken
	err := c.Call(ctx, http.MethodPost, "/access/service_tokens", map[string]any{"name": name}, &t)
	return t, err
}

// Application is the response to the creation of an application.
type Application struct {
	ID  string `json:"id"`
	AUD string `json:"aud"`
}

// CreateApplication creates an application for a domain, with access for the service tokens with the given ids.
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

// Integration holds the settings of an integration.
type Integration struct {
	Name, URL, Interval    string
	ClientID, ClientSecret string
	Concurrency            int // 0 means the default
}

// CreateIntegration creates an integration, including "Test and save".
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

// ChangeIntegration updates the given members of an integration.
func (c *Control) ChangeIntegration(ctx context.Context, id proto.ID, body map[string]any) error {
	return c.Call(ctx, http.MethodPatch, "/devices/posture/integration/"+id.String(), body, nil)
}

// RemoveIntegration removes an integration.
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

// PollNow requests an immediate poll of an integration.
func (c *Control) PollNow(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodPost, "/plumbline/integrations/"+id.String()+"/poll", nil, nil)
}

// Check holds the settings of a check.
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

// CreateCheck creates a check.
func (c *Control) CreateCheck(ctx context.Context, k Check) (proto.ID, error) {
	return c.create(ctx, "/devices/posture", k.body())
}

// ChangeCheck replaces a check.
func (c *Control) ChangeCheck(ctx context.Context, id proto.ID, k Check) error {
	return c.Call(ctx, http.MethodPut, "/devices/posture/"+id.String(), k.body(), nil)
}

// RemoveCheck removes a check.
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

// Imported is the response to an import.
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

// ImportCSV enrols the devices of a CSV file.
func (c *Control) ImportCSV(ctx context.Context, csv io.Reader) (Imported, error) {
	var done Imported
	err := c.Send(ctx, http.MethodPost, "/plumbline/devices", "text/csv", csv, &done)
	return done, err
}

// RemoveDevice removes a device.
func (c *Control) RemoveDevice(ctx context.Context, id proto.ID) error {
	return c.Call(ctx, http.MethodDelete, "/plumbline/devices/"+id.String(), nil, nil)
}
