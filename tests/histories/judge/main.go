// Judges a history of what clients saw (../README.md): whether what is promised to be linearizable is,
// by Porcupine, and whether each client finds what it was told.
//
//	judge [-out DIR] HISTORY
//
// What is broken is told as a story, the shortest first, and kept in DIR with Porcupine's picture.
// Exit code: 0 all promises were kept, 1 not, 2 the history cannot be read or has nothing in it.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
)

var judges = []judge{
	{"answers are foreseen", judgeForeseen},
	{"a key has one owner", judgeKeys},
	{"a key is one order", judgeOneOrder},
	{"a key's answer is one", judgeAnswers},
	{"orders go on", judgeOrders},
	{"orders end", judgeEnded},
	{"wishes to cancel are seen", judgeWishes},
	{"an ETag is one body", judgeTags},
	{"sessions", judgeSessions},
	{"stock adds up", judgeSums},
	{"stock is a counter", judgeCounters},
	{"what was shipped", judgeShipped},
}

// Stories that are told in full; of all others only the promise.
const storiesTold = 3

func main() {
	out := flag.String("out", ".", "folder for what is kept of a broken promise")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: judge [-out DIR] HISTORY")
		os.Exit(2)
	}
	h, err := open(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	findings := judgeAll(h)
	if len(findings) > 0 {
		if err := report(h, findings, *out); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func open(path string) (*history, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h, err := readHistory(file)
	if err == nil && len(h.operations) == 0 {
		err = fmt.Errorf("%s has no operations", path)
	}
	return h, err
}

// Sorted: what takes the fewest operations to tell comes first.
func judgeAll(h *history) (all []finding) {
	fmt.Printf("%d operations, %d faults, %.0f s\n", len(h.operations), len(h.faults), float64(h.end)/1e6)
	for _, j := range judges {
		seen, findings := j.check(h)
		fmt.Printf("  %-26s %6d looked at, %d broken\n", j.name, seen, len(findings))
		all = append(all, findings...)
	}
	sort.SliceStable(all, func(i, k int) bool { return len(all[i].operations) < len(all[k].operations) })
	return all
}

func report(h *history, findings []finding, dir string) error {
	for i := range findings {
		f := &findings[i]
		if i >= storiesTold {
			fmt.Printf("\nBROKEN: %s (%s)\n", f.promise, f.about)
			continue
		}
		fmt.Printf("\n%s", f.story(h))
		paths, err := f.keep(h, dir, fmt.Sprintf("broken-%d", i+1))
		if err != nil {
			return err
		}
		fmt.Println("kept:", paths)
	}
	return nil
}
