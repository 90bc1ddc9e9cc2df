package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/test/internal/ledger"
)

// floor is the bare loop: it only encodes, posts, reads and decodes.
type floor struct {
	url         string
	concurrency int
	pages       [][]device
	client      *http.Client
}

// device is a device in the form needed by the loop, without further conversion.
type device struct {
	ID       string `json:"device_id"`
	Email    string `json:"email"`
	Serial   string `json:"serial_number"`
	MAC      string `json:"mac_address"`
	IPv4     string `json:"virtual_ipv4"`
	Hostname string `json:"hostname"`
}

// newFloor returns a loop making the same calls as the pipeline, with the pages of the inventory.
func newFloor(url string, concurrency int, inventory *ledger.Inventory) *floor {
	f := &floor{url: url, concurrency: concurrency, client: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: concurrency, DisableCompression: true},
	}}
	for _, page := range inventory.Pages {
		devices := make([]device, 0, len(page.Devices))
		for _, d := range page.Devices {
			devices = append(devices, device{d.ID.String(), d.Email, d.Serial, d.MAC, d.IPv4, d.Hostname})
		}
		f.pages = append(f.pages, devices)
	}
	return f
}

// run makes every call once and returns the total time.
func (f *floor) run(ctx context.Context, token string) (time.Duration, error) {
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.concurrency)
	for _, page := range f.pages {
		g.Go(func() error { return f.call(ctx, token, page) })
	}
	err := g.Wait()
	return time.Since(begin), err
}

func (f *floor) call(ctx context.Context, token string, page []device) error {
	body, err := json.Marshal(map[string]any{"devices": page})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Cf-Access-Jwt-Assertion", token)
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("response to the bare loop's call: %s: %.200q", resp.Status, data)
	}
	var answer struct {
		Result map[string]scored `json:"result"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	if len(answer.Result) != len(page) {
		return fmt.Errorf("%d devices requested, %d scores received", len(page), len(answer.Result))
	}
	return nil
}
