package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// An operation is a line of the history (../history.h): a request with its answer, or a fault.
type operation struct {
	Client   int             `json:"client"`
	Gateway  string          `json:"gateway"`
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Key      string          `json:"key"`
	Body     string          `json:"body"`
	Call     int64           `json:"call"` // microseconds
	Return   int64           `json:"return"`
	Status   int             `json:"status"` // 0: no answer
	Replayed bool            `json:"replayed"`
	ETag     string          `json:"etag"`
	Answer   json.RawMessage `json:"answer"`
	Fault    string          `json:"fault"`
	Target   string          `json:"target"`

	// Of the answer, whichever it has.
	said answer
	// It overlaps a time in which its gateway may not have had Redis.
	unguarded bool
	// It is a list, and overlaps a time in which a standby answers with what it has.
	stale bool
}

type answer struct {
	Type      string    `json:"type"`
	OrderID   string    `json:"orderId"`
	Status    any       `json:"status"` // an order's is a text, a problem's a number
	Reason    string    `json:"reason"`
	Version   int       `json:"version"`
	Customer  string    `json:"customerId"`
	Orders    []answer  `json:"orders"`
	Next      string    `json:"nextCursor"`
	Timeline  []step    `json:"timeline"`
	Available int64     `json:"available"`
	Stock     []lying   `json:"warehouses"`
	Items     []ordered `json:"items"`
}

type step struct {
	Event string `json:"event"`
}

type ordered struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

type lying struct {
	Received int64 `json:"received"`
	OnHand   int64 `json:"onHand"`
	Reserved int64 `json:"reserved"`
	Shipped  int64 `json:"shipped"`
}

func (a answer) status() string {
	text, _ := a.Status.(string)
	return text
}

// What is asked of: the path's parts behind /api/v1, without the query.
func (o *operation) parts() []string {
	path := strings.SplitN(o.Path, "?", 2)[0]
	return strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
}

func (o *operation) isPost() bool { return o.Method == "POST" && o.Path == "/api/v1/orders" }
func (o *operation) isList() bool {
	return o.Method == "GET" && strings.HasPrefix(o.Path, "/api/v1/orders?")
}
func (o *operation) isCancel() bool {
	return o.Method == "POST" && strings.HasSuffix(o.Path, "/cancel")
}
func (o *operation) isRead() bool {
	return o.Method == "GET" && strings.HasPrefix(o.Path, "/api/v1/orders/")
}
func (o *operation) isStock() bool {
	return o.Method == "GET" && strings.HasSuffix(o.Path, "/stock")
}
func (o *operation) isProduct() bool {
	return o.Method == "GET" && strings.HasPrefix(o.Path, "/api/v1/products/") && !o.isStock()
}
func (o *operation) isAdjustment() bool {
	return o.Method == "POST" && strings.HasSuffix(o.Path, "/stock-adjustments")
}

// It may have happened, or may yet: nobody was told.
func (o *operation) isUnknown() bool { return o.Status == 0 || o.Status >= 500 }

func (o *operation) isAccepted() bool { return o.isPost() && o.Status == 202 }

// A history is sorted by the times of its calls.
type history struct {
	operations []*operation
	faults     []*operation
	end        int64
}

func readHistory(in io.Reader) (*history, error) {
	h := &history{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for number := 1; lines.Scan(); number++ {
		o := &operation{}
		if err := json.Unmarshal(lines.Bytes(), o); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		// A text is no problem document: why there was no answer.
		_ = json.Unmarshal(o.Answer, &o.said)
		h.add(o)
	}
	h.arrange()
	return h, lines.Err()
}

func (h *history) add(o *operation) {
	switch {
	case o.Fault != "":
		h.faults = append(h.faults, o)
	case o.Status == 0 && strings.Contains(string(o.Answer), "connect to server"):
		// It was never sent.
	default:
		h.operations = append(h.operations, o)
	}
	if o.Return > h.end {
		h.end = o.Return
	}
}

func (h *history) arrange() {
	sort.SliceStable(h.operations, func(i, j int) bool { return h.operations[i].Call < h.operations[j].Call })
	for _, o := range h.operations {
		for _, f := range h.faults {
			o.unguarded = o.unguarded || takesRedis(f, o.Gateway) && overlap(o, f)
			o.stale = o.stale || takesPrimary(f) && o.Call <= f.Return+seenAgain && f.Call <= o.Return
		}
	}
}

// A gateway has no Redis while Redis is away, while it stands still itself, and right after its start.
func takesRedis(fault *operation, gateway string) bool {
	switch fault.Target {
	case "redis", "everything", "gateway-" + gateway:
		return true
	}
	return false
}

// As long as a service may take to see that the primary is back, on a busy machine.
const seenAgain = 1000000

func takesPrimary(fault *operation) bool {
	return fault.Target == "primary" || fault.Target == "everything"
}

func overlap(a, b *operation) bool { return a.Call <= b.Return && b.Call <= a.Return }

// by groups what `of` names, in the order of the first of each.
func by(operations []*operation, of func(*operation) string) (names []string, groups map[string][]*operation) {
	groups = map[string][]*operation{}
	for _, o := range operations {
		name := of(o)
		if name == "" {
			continue
		}
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], o)
	}
	return names, groups
}
