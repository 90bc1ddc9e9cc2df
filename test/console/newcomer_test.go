//go:build browser

package console

import (
	"strings"
	"testing"
)

// mostClicks is how many clicks lead from the link that plumb demo prints to why a device fails.
const mostClicks = 3

// A newcomer opens the link that plumb demo prints, and finds a device that fails, and why.
func TestANewcomerFindsWhyADeviceFails(t *testing.T) {
	p := demo(t)
	b := newTab(t, "http://"+p.Console)
	b.look(1440, "light")
	_, path, found := strings.Cut(p.Process().Output(), "http://"+p.Console)
	path, _, _ = strings.Cut(path, " ")
	if !found || !strings.HasPrefix(path, "/login/link?") {
		t.Fatalf("plumb demo prints no link: %q", path)
	}
	b.opens(path)
	hand, clicks := mouse{b}, 0
	click := func(what, find string) {
		t.Helper()
		clicks++
		hand.click(what, find, 1)
	}
	click("the button of the link", `control('Log in')`)
	b.sees("the overview", `document.querySelector('h1')?.innerText === 'Overview'`)
	click("the failing devices of a check",
		`seen(document.querySelectorAll('#now a.f')).find(e => !/^0 /.test(plain(e.innerText)))`)
	b.sees("devices that fail", `document.querySelector('h1')?.innerText.startsWith('Devices') &&
	  [...document.querySelectorAll('#main tbody tr')].length > 0 &&
	  !document.querySelector('#chips').innerText.includes('Counting')`) // the counts move the list down
	click("a device", `seen(document.querySelectorAll('#main tbody a[href^="/devices/"]'))[0]`)
	b.sees("why it fails",
		`/score is \d+, but it must be (at least|more than) \d+/.test(document.querySelector('ol.why')?.innerText ?? '')`)
	if clicks > mostClicks {
		t.Errorf("%d clicks", clicks)
	}
	b.sound("the page of a failing device")
}
