//go:build race

package evaluator

const raceDetector = true
