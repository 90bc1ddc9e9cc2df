// Package importfile parses lists of devices, CSV or NDJSON, of any length, row by row, and determines the id of each
// device or the reason for rejecting it.
//
// A row is a line of at most [MaxLine] bytes, so a mistake in one line never affects its neighbours, and memory stays
// bounded. Every line except blank ones and the header of a CSV file results in exactly one device or one refusal
// with its line number.
package importfile
