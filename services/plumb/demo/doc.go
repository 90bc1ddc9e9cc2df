// Package demo sets up something to look at, over the control plane alone: a scoring API that is
// protected by an application, an integration that polls it, two checks and 2,500 devices. It then shows
// each poll as it happens.
package demo
