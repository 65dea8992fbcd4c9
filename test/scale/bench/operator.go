package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/test/scale"
)

type operatorOptions struct {
	kubeconfig string
	resync     time.Duration
	profile    string
}

// never is a resync that no run lives to see.
const never = 10 * time.Hour

// operate is the operator as cmd/manager runs it, in a process of its own, which
// counts its requests and tells of them at the address that it prints.
func operate(ctx context.Context, o operatorOptions) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	cfg.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(200, 400) // the manager's default
	requests := &scale.Requests{}
	cfg.Wrap(requests.Wrap)
	caching := controllers.CacheOptions()
	caching.SyncPeriod = &o.resync
	mgr, err := scale.NewManager(cfg, caching)
	if err != nil {
		return err
	}
	if err := controllers.Add(ctx, mgr, controllers.Options{Image: "fileserver:bench", NoNodePorts: true}); err != nil {
		return err
	}
	stop, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: handler(requests)}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	fmt.Println(l.Addr())
	return mgr.Start(ctx)
}

// startProfile has a profile of the processor and one of the heap written until it is
// stopped; "" is none.
func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	heap, err := os.Create(file + ".heap")
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = pprof.WriteHeapProfile(heap)
		f.Close()
		heap.Close()
	}, pprof.StartCPUProfile(f)
}

// Paths at which the operator tells of itself.
const (
	pathTold = "/told"
	pathHeap = "/heap"
)

func handler(requests *scale.Requests) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(pathTold, func(w http.ResponseWriter, _ *http.Request) {
		passes, err := scale.Passes(metrics.Registry)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(told{requests.Take(), passes})
	})
	mux.HandleFunc(pathHeap, func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(m.HeapAlloc)
	})
	return mux
}

// told is what an operator tells of itself since it was asked last.
type told struct {
	Requests scale.Counts
	Passes   int // since its start
}

// operator is one that runs.
type operator struct {
	cmd    *exec.Cmd
	url    string
	log    bytes.Buffer
	passes int // that it had made when it was asked last
}

// start starts an operator.
func (b *bench) start(ctx context.Context, name string, resync time.Duration) (*operator, error) {
	file, err := os.CreateTemp("", "bench-*.kubeconfig")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name()) // read once the operator tells its address
	defer file.Close()
	if _, err := file.Write(b.env.Kubeconfig); err != nil {
		return nil, err
	}
	args := []string{"-operator", file.Name(), "-resync", resync.String()}
	if b.profile != "" {
		args = append(args, "-operator-profile", filepath.Join(b.profile, name+".cpu"))
	}
	o := &operator{cmd: exec.CommandContext(ctx, "/proc/self/exe", args...)}
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	o.cmd.Stderr = &o.log
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the operator does not start: %w\n%s", err, o.logged())
	}
	o.url = "http://" + strings.TrimSpace(address)
	return o, nil
}

// logged is the end of what it logged.
func (o *operator) logged() string {
	b := o.log.Bytes()
	return string(b[max(0, len(b)-4000):])
}

// take asks the operator what it has done since it was asked last.
func (o *operator) take(ctx context.Context) (t told, err error) {
	err = o.ask(ctx, pathTold, &t)
	t.Passes, o.passes = t.Passes-o.passes, t.Passes
	return t, err
}

// heap is how many bytes the operator needs when garbage is collected.
func (o *operator) heap(ctx context.Context) (bytes int64, err error) {
	err = o.ask(ctx, pathHeap, &bytes)
	return bytes, err
}

func (o *operator) ask(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(answer)
}

// spent is what an operator did, and the processor time that this took.
type spent struct {
	told
	cpu time.Duration
}

// quiet waits until the operator has made so many passes at least and makes no more,
// and returns what it did since it was asked last.
func (o *operator) quiet(ctx context.Context, passes int) (s spent, err error) {
	const rest = 3 * time.Second
	before := time.Duration(0) // of an operator that has just started
	if o.passes > 0 {
		if before, err = cpuOf(o.cmd.Process.Pid); err != nil {
			return s, err
		}
	}
	last := time.Now()
	s.told, err = o.takeUntil(ctx, func(all, now told) bool {
		if now.Passes > 0 {
			last = time.Now()
		}
		return all.Passes >= passes && time.Since(last) > rest
	})
	if err != nil {
		return s, err
	}
	after, err := cpuOf(o.cmd.Process.Pid)
	s.cpu = after - before
	return s, err
}

// busy waits until the operator has made so many passes.
func (o *operator) busy(ctx context.Context, passes int) error {
	_, err := o.takeUntil(ctx, func(all, _ told) bool { return all.Passes >= passes })
	return err
}

// takeUntil asks the operator what it has done, in all and since it was asked last,
// until that is enough.
func (o *operator) takeUntil(ctx context.Context, enough func(all, now told) bool) (all told, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	all.Requests = scale.Counts{}
	for {
		now, err := o.take(ctx)
		if err != nil {
			return all, err
		}
		for name, n := range now.Requests {
			all.Requests[name] += n
		}
		all.Passes += now.Passes
		if enough(all, now) {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return all, fmt.Errorf("the operator made %d passes, and does not come to rest: %w", all.Passes, ctx.Err())
		case <-tick.C:
		}
	}
}

// stop ends the operator, and waits for its end.
func (o *operator) stop() error {
	if err := o.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := o.cmd.Wait(); err != nil {
		return fmt.Errorf("the operator ended: %w\n%s", err, o.logged())
	}
	return nil
}
