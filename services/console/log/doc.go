// Package log is the screen of the three logs: posture results, access decisions and changes. A log is read backwards
// from now by cursor; the filters and the position are in the URL. A live tail adds new lines at the top.
package log
