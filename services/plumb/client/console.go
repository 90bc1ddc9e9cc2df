package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// consoleLinkPath is the path at which a console makes one-time links.
const consoleLinkPath = "/login/link"

// ConsoleLink returns a one-time link that logs the holder of the client's API token in to the console at a URL. The
// console gets the token.
func (c *Client) ConsoleLink(ctx context.Context, consoleURL string) (string, error) {
	u, err := url.Parse(consoleURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("%q must be the URL of a console, such as http://127.0.0.1:8403", consoleURL)
	}
	base := u.Scheme + "://" + u.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+consoleLinkPath, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("the console: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return "", fmt.Errorf("the console: %w", err)
	}
	var answer struct{ Path, Error string }
	if json.Unmarshal(data, &answer) != nil || answer.Error == "" && !strings.HasPrefix(answer.Path, "/") {
		return "", fmt.Errorf("%s is not a console: it answered %s", base, resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return "", &Error{Status: resp.StatusCode, Message: answer.Error}
	}
	return base + answer.Path, nil
}

// Local reports whether the control plane's URL is on this machine.
func (c *Client) Local() bool {
	u, err := url.Parse(c.root)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
