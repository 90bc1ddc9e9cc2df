// Package destination has the screens of destinations: the list with the state of the deliveries, and one destination
// with its settings, a test message, replay and rotation. The URL, the secret and the values of headers are sealed when
// they are saved, and never come back; only a new secret is shown, once.
package destination
