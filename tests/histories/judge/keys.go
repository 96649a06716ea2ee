package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// An Idempotency-Key, as Redis has it: nobody's, in the hands of a body, or done for it. What has no
// clear answer may have claimed, or done, from its call on at any time and again (`may`), and what
// came while its gateway had no Redis may have done so whoever has the key (`mayTake`). Bodies are
// bits.
type guard struct {
	owner, done  uint8
	may, mayTake uint8
}

const (
	promiseKey    = "the first body has the key: it is answered alike for ever, and another one is a 422"
	promiseWinner = "of two bodies that were accepted under a key, the one that was stored first counts"
	promiseOne    = "a key is one order: at most one is fulfilled, and one of those accepted has the key"
	promiseAnswer = "the same key with the same body is the same answer, and another body another order"
)

// drift is whatever unclear requests may have made of it meanwhile.
func (g guard) drift() []guard {
	states := []guard{g}
	seen := map[guard]bool{g: true}
	for i := 0; i < len(states); i++ {
		for body := uint8(1); body != 0; body <<= 1 {
			for _, next := range states[i].driftBy(body) {
				if !seen[next] {
					seen[next] = true
					states = append(states, next)
				}
			}
		}
	}
	return states
}

func (g guard) driftBy(body uint8) (next []guard) {
	claimed, done := g, g
	claimed.owner, claimed.done = body, 0
	done.owner, done.done = body, body
	if (g.may|g.mayTake)&body != 0 && g.owner == 0 {
		next = append(next, claimed)
	}
	if g.may&body != 0 && g.owner == body || g.mayTake&body != 0 {
		next = append(next, done)
	}
	return next
}

// The parts of a request: it claims the key, and once its order is stored says that it is done.
const (
	partClaim = "claim"
	partDone  = "done"
	partMay   = "may" // have done either, and do so yet
)

func (g guard) step(e event, body uint8) []guard {
	o := e.operation
	mine := g.owner == body
	switch {
	case e.part == partMay:
		if o.unguarded {
			g.mayTake |= body
		} else {
			g.may |= body
		}
		return []guard{g}
	case e.part == partClaim && g.owner == 0:
		g.owner = body
		return []guard{g}
	case e.part == partClaim && mine && g.done == 0: // taken over from a request that was given up
		return []guard{g}
	case e.part == partDone && mine:
		g.done = body
		return []guard{g}
	case e.part != "":
		return nil
	case o.Status == 202:
		return only(g, mine && g.done == body)
	case o.Status == 422:
		return only(g, g.owner != 0 && !mine)
	default: // 409
		return only(g, mine && g.done == 0)
	}
}

func only(g guard, isLegal bool) []guard {
	if isLegal {
		return []guard{g}
	}
	return nil
}

// A body's bit, of those under one key.
type bodies map[string]uint8

func bodiesOf(operations []*operation) bodies {
	bits := bodies{}
	for _, o := range operations {
		if _, known := bits[o.Body]; !known {
			bits[o.Body] = 1 << len(bits)
		}
	}
	return bits
}

func guardModel(bits bodies) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{guard{}} },
		Step: func(state, input, _ any) (next []any) {
			e := input.(event)
			for _, g := range state.(guard).drift() {
				for _, after := range g.step(e, bits[e.operation.Body]) {
					next = append(next, after)
				}
			}
			return next
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

// What a model sees of a request under a key.
func guardEvents(operations []*operation) (events []event) {
	for _, o := range operations {
		switch {
		case o.isUnknown() || o.unguarded && o.Status == 202 && !o.Replayed:
			events = append(events, event{operation: o, part: partMay, until: o.Call})
		case o.Status == 202 && !o.Replayed:
			events = append(events, event{operation: o, part: partClaim}, event{operation: o, part: partDone})
		default:
			events = append(events, event{operation: o, mayGo: true})
		}
	}
	return events
}

func keysOf(h *history) ([]string, map[string][]*operation) {
	return by(h.operations, func(o *operation) string {
		if o.isPost() {
			return o.Key
		}
		return ""
	})
}

func judgeKeys(h *history) (seen int, findings []finding) {
	keys, groups := keysOf(h)
	for _, key := range keys {
		bits := bodiesOf(groups[key])
		p := partition{promiseKey, "key " + key, guardModel(bits), guardEvents(groups[key]), h.faults}
		if f := p.judge(); f != nil {
			findings = append(findings, *f)
		}
	}
	return len(keys), findings
}

// --- which of two orders counts ---

// The body that was stored first, and those that may have been stored.
type first struct{ body, may uint8 }

func (f first) step(e event, body uint8) []first {
	switch e.part {
	case partMay:
		f.may |= body
	case partDone:
		if f.body == 0 {
			f.body = body
		}
	default: // the end: this one counts
		if f.body != body {
			return nil
		}
	}
	return []first{f}
}

func (f first) drift() []first {
	states := []first{f}
	for body := uint8(1); f.body == 0 && body != 0; body <<= 1 {
		if f.may&body != 0 {
			states = append(states, first{body, f.may})
		}
	}
	return states
}

func firstModel(bits bodies) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{first{}} },
		Step: func(state, input, _ any) (next []any) {
			e := input.(event)
			for _, f := range state.(first).drift() {
				for _, after := range f.step(e, bits[e.operation.Body]) {
					next = append(next, after)
				}
			}
			return next
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

func judgeOneOrder(h *history) (seen int, findings []finding) {
	ends := endsOf(h)
	keys, groups := keysOf(h)
	for _, key := range keys {
		orders := ordersOf(groups[key])
		if len(orders) < 2 {
			continue
		}
		seen++
		findings = append(findings, judgeEnds(h, key, groups[key], orders, ends)...)
	}
	return seen, findings
}

// The accepted orders of a key, by their bodies.
func ordersOf(operations []*operation) map[string]string {
	orders := map[string]string{}
	for _, o := range operations {
		if o.isAccepted() {
			orders[o.Body] = o.said.OrderID
		}
	}
	return orders
}

func judgeEnds(h *history, key string, operations []*operation, orders map[string]string, ends map[string]*operation) []finding {
	var shown []*operation
	var counts, fulfilled []string
	for body, order := range orders {
		end := ends[order]
		if end == nil {
			return nil // judgeOrders says so
		}
		shown = append(shown, end)
		if end.said.Reason != "idempotency_conflict" {
			counts = append(counts, body)
		}
		if end.said.status() == "COMPLETED" {
			fulfilled = append(fulfilled, body)
		}
	}
	if len(counts) == 0 || len(fulfilled) > 1 {
		return []finding{{promise: promiseOne, about: "key " + key, operations: append(operations, shown...),
			why: fmt.Sprintf("%d of its %d orders have the key, and %d are fulfilled", len(counts), len(orders), len(fulfilled))}}
	}
	if len(fulfilled) == 1 {
		counts = fulfilled
	}
	if len(counts) > 1 {
		return nil // cancelled, or failed for a reason of its own, before it could lose the key
	}
	p := partition{promiseWinner, "key " + key, firstModel(bodiesOf(operations)), firstEvents(operations, counts[0], h.end), h.faults}
	if f := p.judge(); f != nil {
		f.operations = append(f.operations, shown...)
		return []finding{*f}
	}
	return nil
}

func firstEvents(operations []*operation, counts string, end int64) (events []event) {
	for _, o := range operations {
		switch {
		case o.isUnknown():
			events = append(events, event{operation: o, part: partMay, until: o.Call})
		case o.Status == 202:
			events = append(events, event{operation: o, part: partDone, mayGo: o.Replayed})
		}
	}
	last := &operation{Body: counts, Call: end + 1, Return: end + 1, Method: "END", Path: "this body counts"}
	return append(events, event{operation: last})
}

// --- answers ---

func judgeAnswers(h *history) (seen int, findings []finding) {
	keys, groups := keysOf(h)
	for _, key := range keys {
		firsts := map[string]*operation{} // by body, and by order
		for _, o := range groups[key] {
			if !o.isAccepted() {
				continue
			}
			seen++
			for _, name := range []string{"body " + o.Body, "order " + o.said.OrderID} {
				earlier := firsts[name]
				if earlier == nil {
					firsts[name] = o
				} else if earlier.Body != o.Body || string(earlier.Answer) != string(o.Answer) {
					findings = append(findings, finding{promise: promiseAnswer, about: "key " + key,
						why: "two answers to one " + name, operations: []*operation{earlier, o}})
				}
			}
		}
	}
	return seen, findings
}
