// Package console walks through the console in a browser, Debian's Chromium: every page that links lead to, in light
// and dark, at 360 and 1440 px. No page violates its Content Security Policy, has an error in its scripts, is wider
// than the window, or has a serious finding of axe-core (npm). Then it goes through the steps from a service token to
// a policy with a posture check, once by mouse and once by keyboard alone. The package is behind a build tag:
//
//	go test -tags browser -v ./console
//
// With -artifacts, a screenshot of each page is kept.
package console
