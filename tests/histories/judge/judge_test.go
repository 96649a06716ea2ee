package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	id    = "cfab3d69-2414-81ab-a5d9-bc6c95e5e5c3"
	other = "213bd603-e025-88e1-9102-e79c9e20b4a8"
)

// A line of a history by hand: from, until, and what is asked and answered.
func at(from, until int, rest string) string {
	return fmt.Sprintf(`{"client":%d,"gateway":"a","call":%d,"return":%d,%s}`, from%3, from, until, rest)
}

func post(from, until int, body, answer string) string {
	return at(from, until, fmt.Sprintf(`"method":"POST","path":"/api/v1/orders","key":"k","body":"{\"customerId\":\"C\",\"n\":\"%s\"}",%s`, body, answer))
}

func accepted(order string) string {
	return fmt.Sprintf(`"status":202,"answer":{"orderId":"%s","status":"PENDING"}`, order)
}

func replayed(order string) string { return accepted(order) + `,"replayed":true` }

func get(from, until int, answer string) string {
	return at(from, until, `"method":"GET","path":"/api/v1/orders/`+id+`",`+answer)
}

func stands(status string, version int) string {
	return fmt.Sprintf(`"status":200,"etag":"\"%d\"","answer":{"orderId":"%s","status":"%s","version":%d}`, version, id, status, version)
}

func ended(from int, order, answer string) string {
	return at(from, from, fmt.Sprintf(`"method":"GET","path":"/api/v1/orders/%s","status":200,"answer":{"orderId":"%s",%s}`, order, order, answer))
}

func cancel(from, until int, answer string) string {
	return at(from, until, `"method":"POST","path":"/api/v1/orders/`+id+`/cancel",`+answer)
}

func list(from, until int, orders string) string {
	return at(from, until, `"method":"GET","path":"/api/v1/orders?customerId=C&limit=200","status":200,"answer":{"orders":[`+orders+`]}`)
}

func stock(from, until, received, onHand, reserved, shipped int) string {
	return at(from, until, fmt.Sprintf(`"method":"GET","path":"/api/v1/products/S/stock","status":200,"answer":{"warehouses":[{"received":%d,"onHand":%d,"reserved":%d,"shipped":%d}]}`,
		received, onHand, reserved, shipped))
}

func adjust(from, until int, key string, delta int, answer string) string {
	return at(from, until, fmt.Sprintf(`"method":"POST","path":"/api/v1/products/S/stock-adjustments","key":"%s","body":"{\"delta\":%d}",%s`, key, delta, answer))
}

func available(n int) string { return fmt.Sprintf(`"status":201,"answer":{"available":%d}`, n) }

func product(from, until, n int) string {
	return at(from, until, fmt.Sprintf(`"method":"GET","path":"/api/v1/products/S","status":200,"answer":{"available":%d}`, n))
}

func fault(from, until int, target string) string {
	return fmt.Sprintf(`{"fault":"kill","target":"%s","call":%d,"return":%d}`, target, from, until)
}

const (
	unclear  = `"status":503,"answer":{"type":"/problems/unavailable"}`
	refused  = `"status":422,"answer":{"type":"/problems/idempotency-key-reused"}`
	inFlight = `"status":409,"answer":{"type":"/problems/idempotency-key-in-flight"}`
	missing  = `"status":404,"answer":{"type":"/problems/not-found"}`
	ended409 = `"status":409,"answer":{"type":"/problems/not-cancellable"}`
	conflict = `"status":"FAILED","reason":"idempotency_conflict"`
)

// Each rule, kept and broken. `broken` is the promise, or "" where all hold.
var cases = []struct {
	name   string
	check  func(*history) (int, []finding)
	lines  []string
	broken string
}{
	{"the same request is the same answer again", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", replayed(id)), post(5, 6, "y", refused)}, ""},
	{"another body is taken under a used key", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "y", accepted(other))}, promiseKey},
	{"two bodies at once both have the key", judgeKeys,
		[]string{post(1, 4, "x", accepted(id)), post(2, 3, "y", accepted(other))}, promiseKey},
	{"a body is refused under a key that is nobody's", judgeKeys,
		[]string{post(1, 2, "x", refused), post(3, 4, "y", accepted(other))}, promiseKey},
	{"the key's owner is refused", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", refused)}, promiseKey},
	{"a repetition is said to be none", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", accepted(id))}, promiseKey},
	{"a first request is said to be a repetition", judgeKeys,
		[]string{post(1, 2, "x", replayed(id))}, promiseKey},
	{"a key is said to be in flight after its answer", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", inFlight)}, promiseKey},
	{"a key is in flight while it is", judgeKeys,
		[]string{post(1, 4, "x", accepted(id)), post(2, 3, "x", inFlight)}, ""},
	{"an unclear request may have taken the key", judgeKeys,
		[]string{post(1, 2, "x", unclear), post(3, 4, "y", refused), post(5, 6, "x", accepted(id))}, ""},
	{"an unclear request may have been stored", judgeKeys,
		[]string{post(1, 2, "x", unclear), post(3, 4, "x", replayed(id))}, ""},
	{"an unclear request takes the key from nobody", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "y", unclear), post(5, 6, "x", refused)}, promiseKey},
	{"without Redis both are taken", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), fault(3, 9, "redis"), post(4, 5, "y", accepted(other)), post(10, 11, "x", refused)}, ""},
	{"another gateway's start excuses nothing", judgeKeys,
		[]string{post(1, 2, "x", accepted(id)), fault(3, 9, "gateway-b"), post(4, 5, "y", accepted(other))}, promiseKey},

	{"the order that was stored first counts", judgeOneOrder,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "y", accepted(other)), ended(9, id, `"status":"COMPLETED"`), ended(9, other, conflict)}, ""},
	{"the order that was stored second counts", judgeOneOrder,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "y", accepted(other)), ended(9, id, conflict), ended(9, other, `"status":"COMPLETED"`)}, promiseWinner},
	{"of two at once either counts", judgeOneOrder,
		[]string{post(1, 4, "x", accepted(id)), post(2, 3, "y", accepted(other)), ended(9, id, conflict), ended(9, other, `"status":"COMPLETED"`)}, ""},
	{"an unclear request may have been first", judgeOneOrder,
		[]string{post(1, 2, "y", unclear), post(3, 4, "x", accepted(id)), post(5, 6, "y", accepted(other)), ended(9, id, conflict), ended(9, other, `"status":"COMPLETED"`)}, ""},
	{"two orders of a key are fulfilled", judgeOneOrder,
		[]string{post(1, 4, "x", accepted(id)), post(2, 3, "y", accepted(other)), ended(9, id, `"status":"COMPLETED"`), ended(9, other, `"status":"COMPLETED"`)}, promiseOne},
	{"a key is no order's in the end", judgeOneOrder,
		[]string{post(1, 4, "x", accepted(id)), post(2, 3, "y", accepted(other)), ended(9, id, conflict), ended(9, other, conflict)}, promiseOne},

	{"a repetition has another order", judgeAnswers,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", replayed(other))}, promiseAnswer},
	{"another body has the same order", judgeAnswers,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "y", accepted(id))}, promiseAnswer},
	{"a repetition is answered alike", judgeAnswers,
		[]string{post(1, 2, "x", accepted(id)), post(3, 4, "x", replayed(id))}, ""},

	{"an order goes on", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 1)), get(5, 6, stands("COMPLETED", 6)), get(7, 8, stands("COMPLETED", 6))}, ""},
	{"an accepted order is not found", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, missing)}, promiseOrder},
	{"an order is not found while it is placed", judgeOrders,
		[]string{post(1, 4, "x", accepted(id)), get(2, 3, missing)}, ""},
	{"an order that was found is gone while it is placed", judgeOrders,
		[]string{post(1, 9, "x", accepted(id)), get(2, 3, stands("PENDING", 1)), get(4, 5, missing)}, promiseOrder},
	{"an order is found before it is placed", judgeOrders,
		[]string{get(1, 2, stands("PENDING", 0)), post(3, 4, "x", accepted(id))}, promiseOrder},
	{"an order of an unclear request may be found", judgeOrders,
		[]string{post(1, 2, "x", unclear), get(3, 4, stands("PENDING", 1)), post(5, 6, "x", replayed(id))}, ""},
	{"an order of an unclear request may be missing", judgeOrders,
		[]string{post(1, 2, "x", unclear), get(3, 4, missing), post(5, 6, "x", accepted(id))}, ""},
	{"an ended order is open again", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("COMPLETED", 6)), get(5, 6, stands("CONFIRMED", 5))}, promiseOrder},
	{"an ended order ends otherwise", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("COMPLETED", 6)), get(5, 6, stands("CANCELLED", 7))}, promiseOrder},
	{"an order's version goes back", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 2)), get(5, 6, stands("PENDING", 1))}, promiseOrder},
	{"one version has two statuses", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 2)), get(5, 6, stands("CONFIRMED", 2))}, promiseOrder},
	{"two readings at once may be of either order", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 7, stands("CONFIRMED", 4)), get(4, 5, stands("PENDING", 3))}, ""},
	{"an order that was cancelled is completed", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), cancel(3, 4, `"status":202,"answer":{"orderId":"`+id+`","status":"CANCELLED"}`), get(5, 6, stands("COMPLETED", 6))}, promiseOrder},
	{"an order that had ended is cancelled", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), cancel(3, 4, ended409), get(5, 6, stands("CANCELLED", 6))}, promiseOrder},
	{"an order that had ended is completed", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), cancel(3, 4, ended409), get(5, 6, stands("COMPLETED", 6))}, ""},
	{"a wish finds no accepted order", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), cancel(3, 4, missing)}, promiseOrder},
	{"a list lacks an order that was seen", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 1)), list(5, 6, "")}, promiseOrder},
	{"a list lacks an order that is not taken in yet", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 0)), list(5, 6, "")}, ""},
	{"a list is older than what was seen", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("CONFIRMED", 4)), list(5, 6, `{"orderId":"`+id+`","status":"PENDING","version":3}`)}, promiseOrder},
	{"a list lacks an order while its standby is alone", judgeOrders,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("PENDING", 1)), fault(5, 8, "primary"), list(6, 7, "")}, ""},

	{"an order never ends", judgeEnded,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("CONFIRMED", 4))}, promiseEnd},
	{"an order is never seen", judgeEnded,
		[]string{post(1, 2, "x", accepted(id))}, promiseEnd},
	{"an order ends", judgeEnded,
		[]string{post(1, 2, "x", accepted(id)), get(3, 4, stands("FAILED", 4))}, ""},

	{"a wish is forgotten", judgeWishes,
		[]string{cancel(1, 2, accepted(id)), ended(9, id, `"status":"COMPLETED","timeline":[{"event":"OrderCompleted"}]`)}, promiseWish},
	{"a wish comes too late", judgeWishes,
		[]string{cancel(1, 2, accepted(id)), ended(9, id, `"status":"COMPLETED","timeline":[{"event":"CancelRequested"},{"event":"OrderCompleted"}]`)}, ""},

	{"one ETag is two bodies", judgeTags,
		[]string{get(1, 2, stands("PENDING", 1)), get(3, 4, strings.Replace(stands("PENDING", 1), `"version":1`, `"version":1,"reason":"x"`, 1))}, promiseTag},
	{"one ETag is one body", judgeTags,
		[]string{get(1, 2, stands("PENDING", 1)), get(3, 4, stands("PENDING", 1))}, ""},

	{"a client does not find its order", judgeSessions,
		[]string{post(1, 2, "x", accepted(id)), get(4, 5, missing)}, promiseWrites},
	{"a client reads backwards", judgeSessions,
		[]string{get(1, 2, stands("CONFIRMED", 4)), get(4, 5, stands("PENDING", 3))}, promiseReads},
	{"another client has not read that", judgeSessions,
		[]string{get(1, 2, stands("CONFIRMED", 4)), get(5, 6, stands("PENDING", 3))}, ""},

	{"stock does not add up", judgeSums, []string{stock(1, 2, 10, 7, 2, 2)}, promiseSum},
	{"stock adds up", judgeSums, []string{stock(1, 2, 10, 7, 2, 1)}, ""},

	{"adjustments add up", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 6, "a", 5, available(18)), adjust(4, 5, "b", 3, available(13)), stock(7, 8, 18, 18, 0, 0), product(7, 8, 18)}, ""},
	{"an adjustment is lost", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 4, "a", 5, available(15)), stock(5, 6, 10, 10, 0, 0)}, promiseCounter},
	{"an adjustment is made twice", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 4, "a", 5, unclear), adjust(5, 6, "a", 5, available(15)), stock(7, 8, 20, 20, 0, 0)}, promiseCounter},
	{"an adjustment has two answers", judgeCounters,
		[]string{adjust(3, 4, "a", 5, available(15)), adjust(5, 6, "a", 5, available(20))}, promiseCounter},
	{"two adjustments have one sum", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 6, "a", 5, available(15)), adjust(4, 5, "b", 5, available(15))}, promiseCounter},
	{"an unclear adjustment may be made later", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 4, "a", 5, unclear), stock(5, 6, 10, 10, 0, 0), stock(7, 8, 15, 15, 0, 0)}, ""},
	{"a product is shown without an answered adjustment", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 4, "a", 5, available(15)), product(5, 6, 10)}, promiseProduct},
	{"a product is shown without one that is under way", judgeCounters,
		[]string{stock(1, 2, 10, 10, 0, 0), adjust(3, 6, "a", 5, available(15)), product(4, 5, 10)}, ""},

	{"what was shipped comes back", judgeShipped,
		[]string{stock(1, 2, 10, 8, 0, 2), stock(3, 4, 10, 9, 0, 1), stock(5, 6, 10, 8, 0, 2)}, promiseShipped},
	{"a completed order shipped nothing", judgeShipped,
		[]string{stock(1, 2, 10, 10, 0, 0), ended(3, id, `"status":"COMPLETED","items":[{"sku":"S","quantity":1}]`), stock(5, 6, 10, 10, 0, 0)}, promiseTotal},
	{"something stays reserved", judgeShipped,
		[]string{stock(1, 2, 10, 10, 0, 0), stock(5, 6, 10, 9, 1, 0)}, promiseTotal},
	{"completed orders shipped what they had", judgeShipped,
		[]string{stock(1, 2, 10, 10, 0, 0), ended(3, id, `"status":"COMPLETED","items":[{"sku":"S","quantity":1}]`), stock(5, 6, 10, 9, 0, 1)}, ""},

	{"an answer is not foreseen", judgeForeseen, []string{get(1, 2, `"status":500,"answer":{}`)}, promiseKnown},
	{"another problem is not foreseen", judgeForeseen, []string{post(1, 2, "x", `"status":422,"answer":{"type":"/problems/invalid-order"}`)}, promiseKnown},
}

func historyOf(t *testing.T, lines []string) *history {
	t.Helper()
	h, err := readHistory(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRules(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			seen, findings := c.check(historyOf(t, c.lines))
			if seen == 0 {
				t.Error("nothing was looked at")
			}
			if c.broken == "" && len(findings) > 0 {
				t.Errorf("%s: %s", findings[0].promise, findings[0].why)
			}
			for _, f := range findings {
				if f.promise == c.broken {
					return
				}
			}
			if c.broken != "" {
				t.Errorf("not seen: %s", c.broken)
			}
		})
	}
}

// Whoever adds a judge adds what it finds.
func TestEachJudgeFindsSomething(t *testing.T) {
	found := map[string]bool{}
	for _, c := range cases {
		for _, j := range judges {
			if _, findings := j.check(historyOf(t, c.lines)); len(findings) > 0 {
				found[j.name] = true
			}
		}
	}
	for _, j := range judges {
		if !found[j.name] {
			t.Errorf("%s: no case breaks it", j.name)
		}
	}
}

func TestStoryIsWhatMatters(t *testing.T) {
	lines := []string{post(1, 2, "x", accepted(id)), fault(12, 15, "order"), get(13, 14, stands("CONFIRMED", 4)), get(17, 18, stands("PENDING", 1))}
	for i := 20; i < 60; i += 3 {
		lines = append(lines, get(i, i+1, stands("COMPLETED", 6)))
	}
	h := historyOf(t, lines)
	_, findings := judgeOrders(h)
	if len(findings) != 1 || len(findings[0].operations) != 3 {
		t.Fatalf("the order's request and two readings are enough: %v", findings)
	}
	dir := t.TempDir()
	if _, err := findings[0].keep(h, dir, "broken"); err != nil {
		t.Fatal(err)
	}
	story, _ := os.ReadFile(filepath.Join(dir, "broken.txt"))
	for _, part := range []string{promiseOrder, "0.000013 to   0.000014 s  client 1, gateway a: GET", `"version":4`, "kill order"} {
		if !strings.Contains(string(story), part) {
			t.Errorf("the story lacks %q:\n%s", part, story)
		}
	}
	picture, _ := os.ReadFile(filepath.Join(dir, "broken.html"))
	if !strings.Contains(string(picture), "<html") {
		t.Error("there is no picture")
	}
}

func TestNothingIsLeftOfARequestThatWasNeverSent(t *testing.T) {
	h := historyOf(t, []string{post(1, 2, "x", `"status":0,"answer":"Couldn't connect to server"`)})
	if len(h.operations) != 0 {
		t.Error("it is there")
	}
}
