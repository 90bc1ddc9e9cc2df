// Package destination has the commands about destinations, the systems that receive events.
package destination
