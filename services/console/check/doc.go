// Package check has the screens of checks: posture rules over the scores of an integration. A check is shown as a
// sentence whose parts can be changed, with the distribution of the scores and what a change would do before it is
// saved.
package check
