// Package page makes what the gateway says itself: pages for people, JSON for machines. A page uses nothing
// from elsewhere and runs no script, and its headers say so.
package page
