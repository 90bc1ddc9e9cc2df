//go:build !race

package evaluator

const raceDetector = false
