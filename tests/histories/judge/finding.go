package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A finding is a promise that was broken, with the operations that show it.
type finding struct {
	promise    string
	about      string
	why        string
	operations []*operation
	draw       func(path string) error // Porcupine's picture; nil: it is no model's
}

// A judge checks one kind of promise. `seen` counts what it looked at, so that an empty history is
// no passed one.
type judge struct {
	name  string
	check func(h *history) (seen int, findings []finding)
}

// As long as Porcupine may think about one partition.
const thinkTime = 60 * time.Second

// An event is an operation as a model sees it: one request may be several.
type event struct {
	operation *operation
	part      string
	until     int64 // 0: its return
	mayGo     bool  // it only looks, so that what is wrong without it is wrong
}

// A partition is what one model is asked about.
type partition struct {
	promise string
	about   string
	model   porcupine.Model
	events  []event
	faults  []*operation
}

func (p *partition) operations(events []event) []porcupine.Operation {
	operations := make([]porcupine.Operation, 0, len(events))
	for i, e := range events {
		until := e.until
		if until == 0 {
			until = e.operation.Return
		}
		operations = append(operations, porcupine.Operation{
			ClientId: i, Input: events[i], Call: e.operation.Call, Return: until,
		})
	}
	return operations
}

func (p *partition) isLegal(events []event) bool {
	return porcupine.CheckOperationsTimeout(p.model, p.operations(events), thinkTime) != porcupine.Illegal
}

// shrink leaves out each look without which it is wrong all the same.
func (p *partition) shrink() []event {
	left := p.events
	for i := len(left) - 1; i >= 0; i-- {
		if !left[i].mayGo {
			continue
		}
		without := append(append([]event{}, left[:i]...), left[i+1:]...)
		if !p.isLegal(without) {
			left = without
		}
	}
	return left
}

// judge is nil where the partition is linearizable.
func (p *partition) judge() *finding {
	switch porcupine.CheckOperationsTimeout(p.model, p.operations(p.events), thinkTime) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return &finding{promise: p.promise, about: p.about, operations: requests(p.events),
			why: fmt.Sprintf("not decided within %v", thinkTime)}
	}
	left := p.shrink()
	return &finding{
		promise: p.promise, about: p.about, operations: requests(left),
		why: fmt.Sprintf("no order in which these %d of %d could have happened keeps the promise",
			len(requests(left)), len(requests(p.events))),
		draw: func(path string) error { return p.draw(left, path) },
	}
}

// Each once.
func requests(events []event) (operations []*operation) {
	seen := map[*operation]bool{}
	for _, e := range events {
		if !seen[e.operation] {
			operations = append(operations, e.operation)
		}
		seen[e.operation] = true
	}
	return operations
}

func (p *partition) draw(events []event, path string) error {
	model := p.model
	model.DescribeOperation = func(input, _ any) string {
		e := input.(event)
		return strings.TrimSpace(e.part + " " + tell(e.operation))
	}
	_, info := porcupine.CheckOperationsVerbose(model, p.operations(events), thinkTime)
	var notes []porcupine.Annotation
	for _, f := range p.faults {
		notes = append(notes, porcupine.Annotation{Tag: "faults", Start: f.Call, End: f.Return,
			Description: f.Fault + " " + f.Target, BackgroundColor: "#efaefc"})
	}
	info.AddAnnotations(notes)
	return porcupine.VisualizePath(model, info, path)
}

// --- stories ---

func tell(o *operation) string {
	text := o.Method + " " + o.Path
	if o.Key != "" {
		text += " key " + o.Key
	}
	if o.Body != "" {
		text += " " + o.Body
	}
	return text + " -> " + tellAnswer(o)
}

func tellAnswer(o *operation) string {
	if o.Status == 0 {
		return "no answer: " + string(o.Answer)
	}
	text := fmt.Sprint(o.Status)
	if o.Replayed {
		text += " replayed"
	}
	if o.ETag != "" {
		text += " ETag " + o.ETag
	}
	const most = 300
	if answer := string(o.Answer); len(answer) <= most {
		text += " " + answer
	} else {
		text += " " + answer[:most] + "…"
	}
	return text
}

func line(o *operation, what string) string {
	return fmt.Sprintf("%10.6f to %10.6f s  %s\n", float64(o.Call)/1e6, float64(o.Return)/1e6, what)
}

func (f *finding) story(h *history) string {
	var out strings.Builder
	fmt.Fprintf(&out, "BROKEN: %s\n%s: %s\n", f.promise, f.about, f.why)
	from, until := h.end, int64(0)
	for _, o := range f.operations {
		if o.Call < from {
			from = o.Call
		}
		if o.Return > until {
			until = o.Return
		}
	}
	rest := h.faults
	for _, o := range f.operations {
		for len(rest) > 0 && rest[0].Call < o.Call {
			out.WriteString(tellFault(rest[0], from, until))
			rest = rest[1:]
		}
		out.WriteString(line(o, fmt.Sprintf("client %d, gateway %s: %s", o.Client, o.Gateway, tell(o))))
	}
	for _, fault := range rest {
		out.WriteString(tellFault(fault, from, until))
	}
	return out.String()
}

// Nothing of one that was over before, or began after.
func tellFault(fault *operation, from, until int64) string {
	if fault.Return < from || fault.Call > until {
		return ""
	}
	return line(fault, "   "+fault.Fault+" "+fault.Target)
}

// keep leaves the story, and the picture if there is one, in the folder.
func (f *finding) keep(h *history, dir, name string) (paths []string, err error) {
	story := filepath.Join(dir, name+".txt")
	if err := os.WriteFile(story, []byte(f.story(h)), 0o644); err != nil {
		return nil, err
	}
	paths = append(paths, story)
	if f.draw == nil {
		return paths, nil
	}
	picture := filepath.Join(dir, name+".html")
	return append(paths, picture), f.draw(picture)
}
