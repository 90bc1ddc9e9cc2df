// Package posture holds the commands for integrations and checks, and for the polls and the results that come of them.
package posture
