package sftp

import (
	"net"
	"testing"
	"time"
)

func TestAWriteThatNobodyReadsEndsWithTheWire(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"a packet alone": 100, "much": wireQueue + wireChunk} {
		for how, end := range map[string]func(*wire){"Abort": (*wire).Abort, "Close": func(w *wire) { w.Close() }} {
			t.Run(how+" of "+name, func(t *testing.T) {
				t.Parallel()
				a, b := net.Pipe()
				defer b.Close()
				w := newWire(a)
				written := make(chan error, 1)
				go func() {
					for {
						if _, err := w.Write(make([]byte, size)); err != nil {
							written <- err
							return
						}
					}
				}()
				for w.writing.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				began := time.Now()
				end(w)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
				select {
				case <-written:
				case <-time.After(time.Minute):
					t.Error("the write goes on")
				}
			})
		}
	}
}
