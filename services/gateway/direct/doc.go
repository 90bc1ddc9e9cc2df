// Package direct makes the requests of a proxy that are most of them, those without a body over plain
// HTTP/1.1, on the goroutine that asks. [http.Transport] has two more goroutines for each connection, since a
// body may have to be written while the answer is read already; to hand each request to the one and each
// answer over from the other costs about as much as all else that a proxy does with it.
//
// It is deliberately little. What is not plain is not taken, and is for http.Transport: see [Transport.Try].
// Answers are read by [http.ReadResponse], by which http.Transport reads them too. Every request that is
// taken is safe in the sense of RFC 9110, 9.2.1, so that one which an ended connection swallowed may be made
// again.
package direct
