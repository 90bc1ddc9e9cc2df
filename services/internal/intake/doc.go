// Package intake reads lists of devices, CSV or NDJSON, of any length, a row at a time, and finds the id
// of each device or why there is none.
//
// A row is a line: none is longer than [MaxLine], so that a mistake in one line never takes its neighbours
// with it and memory stays bounded. Every line that is not blank, the header of a CSV file aside, comes
// out exactly once: as a device, or as a refusal with its line number.
package intake
