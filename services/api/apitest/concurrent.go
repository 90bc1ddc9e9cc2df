package apitest

import (
	"net/http"
	"net/http/httptest"
	"sync"

	"plumbline.dev/services/api"
)

// AtOnce sends requests at the same moment, to each of the replicas in turn, and counts the statuses.
func (f *Fixture) AtOnce(replicas []*api.Service, n int, request func(n int) *http.Request) map[int]int {
	f.T.Helper()
	var all sync.WaitGroup
	statuses := make([]int, n)
	begin := make(chan struct{})
	for i := range n {
		req := request(i)
		all.Go(func() {
			<-begin
			statuses[i] = statusOf(replicas[i%len(replicas)].Handler(), req)
		})
	}
	close(begin)
	all.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	return counts
}

func statusOf(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
