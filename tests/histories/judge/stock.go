package main

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

const (
	promiseSum     = "of each warehouse received = onHand + reserved + shipped"
	promiseCounter = "an adjustment is made once, and stock that is read is the sum of those made before"
	promiseShipped = "what was shipped is never less than before"
	promiseProduct = "no product is shown without an adjustment that was answered before"
	promiseTotal   = "in the end nothing is reserved, and what was shipped is what the completed orders had"
)

func skuOf(o *operation) string {
	if o.isStock() || o.isProduct() || o.isAdjustment() {
		return o.parts()[1]
	}
	return ""
}

func total(o *operation) (sum lying) {
	for _, at := range o.said.Stock {
		sum.Received += at.Received
		sum.OnHand += at.OnHand
		sum.Reserved += at.Reserved
		sum.Shipped += at.Shipped
	}
	return sum
}

func judgeSums(h *history) (seen int, findings []finding) {
	for _, o := range h.operations {
		if !o.isStock() || o.Status != 200 {
			continue
		}
		seen++
		for _, at := range o.said.Stock {
			if at.Received != at.OnHand+at.Reserved+at.Shipped {
				findings = append(findings, finding{promise: promiseSum, about: skuOf(o), why: "it is not",
					operations: []*operation{o}})
			}
		}
	}
	return seen, findings
}

// --- adjustments ---

// An adjustment is all requests under its key: it is made between the first call and the first answer,
// or, where none ever came, at any time or never.
type adjustment struct {
	first    *operation
	answered *operation // nil: never
	delta    int64
}

func adjustmentsOf(operations []*operation) (adjustments []*adjustment, findings []finding) {
	byKey := map[string]*adjustment{}
	for _, o := range operations {
		if !o.isAdjustment() {
			continue
		}
		a := byKey[o.Key]
		if a == nil {
			a = &adjustment{first: o, delta: deltaOf(o)}
			byKey[o.Key] = a
			adjustments = append(adjustments, a)
		}
		if o.Status != 201 {
			continue
		}
		if a.answered == nil || o.Return < a.answered.Return {
			a.answered, o = o, a.answered
		}
		if o != nil && o.said.Available != a.answered.said.Available {
			findings = append(findings, finding{promise: promiseCounter, about: "key " + o.Key,
				why: "two answers", operations: []*operation{a.answered, o}})
		}
	}
	return adjustments, findings
}

func deltaOf(o *operation) int64 {
	var body struct {
		Delta int64 `json:"delta"`
	}
	_ = json.Unmarshal([]byte(o.Body), &body)
	return body.Delta
}

// Its request is all that the model sees of an adjustment, until its answer.
func (a *adjustment) event() event {
	whole := *a.first
	if a.answered == nil {
		return event{operation: &whole, part: partMay, until: math.MaxInt64 / 2}
	}
	whole.Status, whole.said, whole.Answer, whole.Return = 201, a.answered.said, a.answered.Answer, a.answered.Return
	return event{operation: &whole}
}

type counter struct {
	isKnown bool
	sum     int64
}

func (c counter) step(e event) (next []counter) {
	o := e.operation
	switch {
	case e.part == partMay:
		next = append(next, c, counter{c.isKnown, c.sum + deltaOf(o)})
	case o.isAdjustment():
		c.sum += deltaOf(o)
		next = c.mustBe(o.said.Available)
	default:
		next = c.mustBe(total(o).OnHand)
	}
	return next
}

// What it is, is known by the first that says so.
func (c counter) mustBe(sum int64) []counter {
	if c.isKnown && c.sum != sum {
		return nil
	}
	return []counter{{true, sum}}
}

func counterModel() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{counter{}} },
		Step: func(state, input, _ any) (next []any) {
			for _, after := range state.(counter).step(input.(event)) {
				next = append(next, after)
			}
			return next
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

func judgeCounters(h *history) (seen int, findings []finding) {
	skus, groups := by(h.operations, skuOf)
	for _, sku := range skus {
		adjustments, double := adjustmentsOf(groups[sku])
		findings = append(findings, double...)
		if len(adjustments) == 0 {
			continue
		}
		p := partition{promise: promiseCounter, about: sku, model: counterModel(), faults: h.faults}
		for _, o := range groups[sku] {
			if o.isStock() && o.Status == 200 {
				p.events = append(p.events, event{operation: o, mayGo: true})
			}
		}
		for _, a := range adjustments {
			p.events = append(p.events, a.event())
		}
		seen += len(p.events)
		if f := p.judge(); f != nil {
			findings = append(findings, *f)
		}
		looked, stale := judgeProducts(groups[sku], adjustments)
		seen += looked
		findings = append(findings, stale...)
	}
	return seen, findings
}

// --- the product as it is shown, out of a cache ---

// Adjustments that may or may not be in it are tried in all combinations, of which there are few.
const tried = 16

func judgeProducts(operations []*operation, adjustments []*adjustment) (seen int, findings []finding) {
	base, isKnown := int64(0), false
	for _, o := range operations {
		switch {
		case o.isStock() && o.Status == 200 && !isKnown:
			base, isKnown = total(o).OnHand, true
		case o.isProduct() && o.Status == 200 && isKnown:
			sum, open := base, []int64(nil)
			for _, a := range adjustments {
				if a.answered != nil && a.answered.Return < o.Call {
					sum += a.delta
				} else if a.first.Call <= o.Return {
					open = append(open, a.delta)
				}
			}
			if len(open) > tried {
				continue
			}
			seen++
			if !isSum(o.said.Available-sum, open) {
				findings = append(findings, finding{promise: promiseProduct, about: skuOf(o), operations: []*operation{o},
					why: fmt.Sprintf("%d is shown, after answered adjustments there must be %d, and %v are under way", o.said.Available, sum, open)})
			}
		}
	}
	return seen, findings
}

// isSum says whether some of the numbers add up to it.
func isSum(sum int64, of []int64) bool {
	if len(of) == 0 {
		return sum == 0
	}
	return isSum(sum, of[1:]) || isSum(sum-of[0], of[1:])
}

// --- what orders took ---

func shippedModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			shipped := total(input.(event).operation).Shipped
			return shipped >= state.(int64), shipped
		},
		DescribeState: func(state any) string { return fmt.Sprint(state) },
	}
}

func judgeShipped(h *history) (seen int, findings []finding) {
	skus, groups := by(h.operations, func(o *operation) string {
		if o.isStock() && o.Status == 200 {
			return skuOf(o)
		}
		return ""
	})
	shipped := shippedBy(h)
	for _, sku := range skus {
		p := partition{promise: promiseShipped, about: sku, model: shippedModel(), faults: h.faults}
		for _, o := range groups[sku] {
			p.events = append(p.events, event{operation: o, mayGo: true})
		}
		seen += len(p.events)
		if f := p.judge(); f != nil {
			findings = append(findings, *f)
		}
		readings := groups[sku]
		first, last := readings[0], readings[len(readings)-1]
		if at := total(last); at.Reserved != 0 || at.Shipped-total(first).Shipped != shipped[sku] {
			findings = append(findings, finding{promise: promiseTotal, about: sku, operations: []*operation{first, last},
				why: fmt.Sprintf("completed orders had %d", shipped[sku])})
		}
	}
	return seen, findings
}

func shippedBy(h *history) map[string]int64 {
	shipped := map[string]int64{}
	for _, end := range endsOf(h) {
		if end.said.status() != "COMPLETED" {
			continue
		}
		for _, item := range end.said.Items {
			shipped[item.SKU] += item.Quantity
		}
	}
	return shipped
}
