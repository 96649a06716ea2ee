package main

import "encoding/json"

const (
	promiseWrites = "a client finds what it was told was accepted, through whichever gateway"
	promiseReads  = "what a client reads of an order never goes back, through whichever gateway"
)

func customerOfBody(body string) string {
	var order answer
	_ = json.Unmarshal([]byte(body), &order)
	return order.Customer
}

// A place is what one client saw of one order.
type place struct {
	client int
	order  string
}

// A client sends one request after the other, so the order of calls is a client's own.
func judgeSessions(h *history) (seen int, findings []finding) {
	told, read := map[place]*operation{}, map[place]*operation{}
	for _, o := range h.operations {
		switch {
		case o.isAccepted():
			at := place{o.Client, o.said.OrderID}
			if told[at] == nil {
				told[at] = o
			}
		case o.isRead() && (o.Status == 200 || o.Status == 404):
			at := place{o.Client, o.parts()[1]}
			seen++
			findings = append(findings, judgeReading(o, told[at], read[at])...)
			if o.Status == 200 {
				read[at] = o
			}
		}
	}
	return seen, findings
}

// `told` and `earlier` are nil where there were none.
func judgeReading(o, told, earlier *operation) []finding {
	about := "order " + o.parts()[1]
	if o.Status == 404 {
		if told == nil {
			return nil
		}
		return []finding{{promise: promiseWrites, about: about, why: "it is not found", operations: []*operation{told, o}}}
	}
	if earlier == nil || o.said.Version >= earlier.said.Version && mayBecome(earlier.said.status(), o.said.status()) {
		return nil
	}
	return []finding{{promise: promiseReads, about: about, why: "it went back", operations: []*operation{earlier, o}}}
}
