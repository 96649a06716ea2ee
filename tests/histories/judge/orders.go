package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/anishathalye/porcupine"
)

const (
	promiseOrder = "an order that was accepted is found, and what is read of it never goes back"
	promiseEnd   = "an accepted order ends as COMPLETED, FAILED or CANCELLED"
	promiseWish  = "a cancel that was taken ends the order, or its timeline shows that it came too late"
	promiseTag   = "one ETag of an order is one representation"
)

// What a status may become.
var after = map[string]string{
	"PENDING":   "PENDING CONFIRMED COMPLETED FAILED CANCELLED",
	"CONFIRMED": "CONFIRMED COMPLETED FAILED CANCELLED",
	"COMPLETED": "COMPLETED",
	"FAILED":    "FAILED",
	"CANCELLED": "CANCELLED",
}

func mayBecome(from, to string) bool {
	for _, status := range strings.Fields(after[from]) {
		if status == to {
			return true
		}
	}
	return false
}

// An order as whoever reads it last saw it: a register that only goes on. Version 0 is one that is
// accepted and not taken in yet.
type order struct {
	exists, mayExist bool
	version          int
	status           string
}

const (
	partStored = "stored"
	partRead   = "read"
	partAbsent = "not in the list"
	partWished = "cancel"
)

// What was read of an order: by GET, by a list, or as a cancel's answer, which tells no version.
type sight struct {
	version int
	status  string
}

func (o order) step(e event, saw sight) []order {
	switch {
	case e.part == partMay:
		o.mayExist = true
		return []order{o}
	case e.part == partStored:
		o.exists = true
		return []order{o}
	case e.part == partAbsent:
		return orderOnly(o, o.version == 0)
	case e.operation.Status == 404:
		return orderOnly(o, !o.exists)
	case !o.exists && !o.mayExist:
		return nil
	}
	o.exists = true
	if e.operation.Status == 409 {
		return o.endOtherwise()
	}
	return o.see(saw, e.part == partRead)
}

func (o order) see(saw sight, hasVersion bool) []order {
	isOn := mayBecome(o.status, saw.status)
	if hasVersion {
		isOn = isOn && (saw.version > o.version || saw.version == o.version && saw.status == o.status)
		o.version = saw.version
	}
	o.status = saw.status
	return orderOnly(o, isOn)
}

func orderOnly(o order, isLegal bool) []order {
	if isLegal {
		return []order{o}
	}
	return nil
}

// A cancel that is refused says only that the order had ended, and not as CANCELLED.
func (o order) endOtherwise() (next []order) {
	for _, status := range []string{"COMPLETED", "FAILED"} {
		if mayBecome(o.status, status) {
			o := o
			o.status = status
			next = append(next, o)
		}
	}
	return next
}

func orderModel(id string) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{order{status: "PENDING"}} },
		Step: func(state, input, _ any) (next []any) {
			e := input.(event)
			for _, after := range state.(order).step(e, sightOf(e.operation, id)) {
				next = append(next, after)
			}
			return next
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

func sightOf(o *operation, id string) sight {
	for _, listed := range o.said.Orders {
		if listed.OrderID == id {
			return sight{listed.Version, listed.status()}
		}
	}
	return sight{o.said.Version, o.said.status()}
}

// customerOf is the one that a list is of, or "" where it is only a page of it.
func customerOf(o *operation) string {
	address, err := url.Parse(o.Path)
	if err != nil || o.said.Next != "" {
		return ""
	}
	return address.Query().Get("customerId")
}

// An index of what is about which order.
type index struct {
	ids       []string
	events    map[string][]event
	customers map[string]string // of an order
}

// The order of each body under each key.
func idsOf(h *history) map[[2]string]string {
	ids := map[[2]string]string{}
	for _, o := range h.operations {
		if o.isAccepted() {
			ids[[2]string{o.Key, o.Body}] = o.said.OrderID
		}
	}
	return ids
}

func indexOf(h *history) *index {
	x := &index{events: map[string][]event{}, customers: map[string]string{}}
	ids := idsOf(h)
	byCustomer := map[string][]string{}
	for _, o := range h.operations {
		if o.isPost() {
			x.addPost(o, ids[[2]string{o.Key, o.Body}], byCustomer)
		}
	}
	for _, o := range h.operations {
		if o.isUnknown() {
			continue
		}
		switch {
		case o.isRead():
			x.add(o.parts()[1], event{operation: o, part: partRead, mayGo: true})
		case o.isCancel():
			x.add(o.parts()[1], event{operation: o, part: partWished, mayGo: true})
		case o.isList() && !o.stale:
			x.addList(o, byCustomer[customerOf(o)])
		}
	}
	return x
}

func (x *index) add(id string, e event) {
	if x.events[id] == nil {
		x.ids = append(x.ids, id)
	}
	x.events[id] = append(x.events[id], e)
}

func (x *index) addPost(o *operation, id string, byCustomer map[string][]string) {
	if id == "" {
		return
	}
	if x.events[id] == nil {
		customer := customerOfBody(o.Body)
		byCustomer[customer] = append(byCustomer[customer], id)
	}
	if o.isAccepted() {
		x.add(id, event{operation: o, part: partStored})
	} else if o.isUnknown() {
		x.add(id, event{operation: o, part: partMay, until: o.Call})
	}
}

func (x *index) addList(o *operation, ids []string) {
	listed := map[string]bool{}
	for _, entry := range o.said.Orders {
		listed[entry.OrderID] = true
		x.add(entry.OrderID, event{operation: o, part: partRead, mayGo: true})
	}
	for _, id := range ids {
		if !listed[id] {
			x.add(id, event{operation: o, part: partAbsent, mayGo: true})
		}
	}
}

func judgeOrders(h *history) (seen int, findings []finding) {
	x := indexOf(h)
	for _, id := range x.ids {
		p := partition{promiseOrder, "order " + id, orderModel(id), x.events[id], h.faults}
		if f := p.judge(); f != nil {
			findings = append(findings, *f)
		}
	}
	return len(x.ids), findings
}

// --- the end ---

// endsOf is the last reading of each order.
func endsOf(h *history) map[string]*operation {
	ends := map[string]*operation{}
	for _, o := range h.operations {
		if o.isRead() && o.Status == 200 && len(o.parts()) == 2 {
			ends[o.parts()[1]] = o
		}
	}
	return ends
}

func isFinal(status string) bool { return after[status] == status }

func judgeEnded(h *history) (seen int, findings []finding) {
	ends := endsOf(h)
	for _, o := range h.operations {
		end := ends[o.said.OrderID]
		if !o.isAccepted() || o.Replayed {
			continue
		}
		seen++
		if end == nil {
			findings = append(findings, finding{promise: promiseEnd, about: "order " + o.said.OrderID,
				why: "it was never read", operations: []*operation{o}})
		} else if !isFinal(end.said.status()) {
			findings = append(findings, finding{promise: promiseEnd, about: "order " + o.said.OrderID,
				why: "it has not", operations: []*operation{o, end}})
		}
	}
	return seen, findings
}

func judgeWishes(h *history) (seen int, findings []finding) {
	ends := endsOf(h)
	for _, o := range h.operations {
		if !o.isCancel() || o.Status != 202 {
			continue
		}
		seen++
		end := ends[o.said.OrderID]
		if end != nil && end.said.status() != "CANCELLED" && !hasStep(end, "CancelRequested") {
			findings = append(findings, finding{promise: promiseWish, about: "order " + o.said.OrderID,
				why: "nothing is seen of the wish", operations: []*operation{o, end}})
		}
	}
	return seen, findings
}

func hasStep(o *operation, name string) bool {
	for _, s := range o.said.Timeline {
		if s.Event == name {
			return true
		}
	}
	return false
}

func judgeTags(h *history) (seen int, findings []finding) {
	firsts := map[string]*operation{}
	for _, o := range h.operations {
		if !o.isRead() || o.Status != 200 || o.ETag == "" {
			continue
		}
		seen++
		name := o.Path + " " + o.ETag
		if first := firsts[name]; first == nil {
			firsts[name] = o
		} else if string(first.Answer) != string(o.Answer) {
			findings = append(findings, finding{promise: promiseTag, about: o.Path, why: "two have " + o.ETag,
				operations: []*operation{first, o}})
		}
	}
	return seen, findings
}
