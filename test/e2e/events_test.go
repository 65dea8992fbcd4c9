//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// receiverPort is where the receiver of a test listens, in the network namespace of the
// control plane.
const receiverPort = "17071"

// startReceiver starts test/receiver beside the control plane. It fails one in three.
func (n *space) startReceiver() (uri, file string) {
	n.t.Helper()
	insideOnly(n.t)
	program, file := n.path("receiver"), n.path("events.jsonl")
	build := exec.Command("go", "build", "-o", program, "./test/receiver")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		n.t.Fatalf("building test/receiver: %v\n%s", err, out)
	}
	host := n.kubectl("get", "endpointslice", "kubernetes", "-n", "default", "-o", "jsonpath={.endpoints[0].addresses[0]}")
	address := host + ":" + receiverPort
	(&issuers{n: n}).start(program, "-address", address, "-file", file, "-fail", "3")
	return "http://" + address + "/", file
}

// told is how many events tell of each location, and how many came in all.
func (n *space) told(file string) (events map[string]int, deliveries int) {
	n.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		return nil, 0
	}
	defer f.Close()
	events = map[string]int{}
	seen := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e struct {
			ID   string `json:"id"`
			Data struct {
				Location string `json:"location"`
			} `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			n.t.Fatalf("%s: %v", lines.Text(), err)
		}
		deliveries++
		if !seen[e.ID] {
			events[e.Data.Location]++
		}
		seen[e.ID] = true
	}
	return events, deliveries
}

// TestEachUploadIsToldOnce kills pods while clients upload, with a receiver that fails one in
// three, and wants one event for each file that is there.
func TestEachUploadIsToldOnce(t *testing.T) {
	n := newSpace(t)
	uri, file := n.startReceiver()
	target := n.serve(fmt.Sprintf("{replicas: 2, storage: {uploads: Atomic}, events: {sink: {uri: %q}, types: [UploadCompleted]}}", uri))
	n.settled(2)
	const uploads, workers = 96, 8
	data := n.file("data", strings.Repeat("x", 3000))
	var tried, succeeded atomic.Int64
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range uploads / workers {
				if n.curl(target, fmt.Sprintf("f-%d-%d", w, i), "-T", data) == nil {
					succeeded.Add(1)
				}
				tried.Add(1)
			}
		})
	}
	for slot := range 2 {
		n.eventually("a part of the uploads is done", func() error {
			if got := tried.Load(); got < int64((slot+1)*uploads/4) {
				return fmt.Errorf("%d", got)
			}
			return nil
		})
		n.kill(n.podOfSlot(slot))
	}
	group.Wait()
	n.settled(2)
	list := n.path("list")
	n.eventually("each visible file has one event", func() error {
		if err := n.curl(target, "", "-l", "-o", list); err != nil {
			return err
		}
		names, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		visible := strings.Fields(string(names))
		told, deliveries := n.told(file)
		missing, twice := 0, 0
		for _, name := range visible {
			switch told["/alice/"+name] {
			case 0:
				missing++
			case 1:
			default:
				twice++
			}
		}
		found := fmt.Sprintf("events uploads=%d succeeded=%d visible=%d deliveries=%d events=%d events_missing=%d twice=%d",
			uploads, succeeded.Load(), len(visible), deliveries, len(told), missing, twice)
		if missing+twice > 0 || int64(len(visible)) < succeeded.Load() || len(told) != len(visible) {
			return errors.New(found)
		}
		fmt.Println(found)
		return nil
	})
	n.hasCondition("EventsDelivered", "True", "Delivered")
}
