// Package live shares streams of the API among the browsers that watch. A kind of stream, such as the results, runs
// once for each person while at least one of their tabs is subscribed, with their own credential: the API decides what
// they may see. A tab that reads too slowly is dropped, and connects again.
package live
