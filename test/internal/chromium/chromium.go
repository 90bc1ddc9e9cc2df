// Package chromium starts Debian's Chromium, or another browser like it, for tests.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Start starts a browser with an empty profile and returns the context of its first tab. The browser ends with the
// test. before, if set, is called first in the clean-up, while the tab is open.
func Start(t *testing.T, before func(ctx context.Context)) context.Context {
	t.Helper()
	allocator, quit := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path(t)),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-default-apps", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if before != nil {
			before(ctx)
		}
		end()
		quit()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return ctx
}

// path returns the path of the browser: PLUMBLINE_CHROMIUM, or the first of the usual names.
func path(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("PLUMBLINE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome",
		"chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium (Debian: apt-get install chromium)")
	return ""
}
