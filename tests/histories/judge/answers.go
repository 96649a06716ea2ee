package main

import "fmt"

const promiseKnown = "every request has an answer that is foreseen for it"

// The statuses that each kind of request may have while things break.
func isForeseen(o *operation) bool {
	switch o.Status {
	case 0, 503:
		return true
	case 200:
		return o.Method == "GET"
	case 201:
		return o.isAdjustment()
	case 202:
		return o.isPost() || o.isCancel()
	case 404:
		return o.isRead() || o.isCancel() // whether it may, the order's model says
	case 409:
		return o.isPost() && o.said.Type == "/problems/idempotency-key-in-flight" ||
			o.isCancel() && o.said.Type == "/problems/not-cancellable"
	case 422:
		return o.isPost() && o.said.Type == "/problems/idempotency-key-reused"
	}
	return false
}

func judgeForeseen(h *history) (seen int, findings []finding) {
	for _, o := range h.operations {
		if !isForeseen(o) {
			findings = append(findings, finding{promise: promiseKnown, about: o.Path,
				why: fmt.Sprintf("%d is none", o.Status), operations: []*operation{o}})
		}
	}
	return len(h.operations), findings
}
