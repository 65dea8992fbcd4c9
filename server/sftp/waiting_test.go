package sftp_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// A command is one that runs on a channel of its own.
type command struct {
	t *testing.T
	ssh.Channel
}

func (f *fixture) exec(client *ssh.Client, line string) *command {
	f.t.Helper()
	ch, reqs, err := client.OpenChannel("session", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{line})); err != nil || !ok {
		f.t.Fatalf("%s was refused: %v", line, err)
	}
	return &command{f.t, ch}
}

// say sends text, and expect reads it.
func (c *command) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *command) expect(text string) {
	c.t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		c.t.Fatalf("the server said %q, not %q: %v", b, text, err)
	}
}

// waiting are commands that have come to where they wait for their client.
var waiting = map[string]func(f *fixture, client *ssh.Client) *command{
	"scp that is to take a file": func(f *fixture, client *ssh.Client) *command {
		c := f.exec(client, "scp -t .")
		c.expect("\x00")
		return c
	},
	"scp that has taken a file": func(f *fixture, client *ssh.Client) *command {
		c := f.exec(client, "scp -t .")
		c.expect("\x00")
		c.say("C0644 3 g\n")
		c.expect("\x00")
		c.say("abc\x00")
		c.expect("\x00")
		return c
	},
	"scp that is to send a file":         func(f *fixture, client *ssh.Client) *command { return f.exec(client, "scp -f f") },
	"md5sum of what the client sends":    func(f *fixture, client *ssh.Client) *command { return f.exec(client, "md5sum") },
	"sha256sum of what the client sends": func(f *fixture, client *ssh.Client) *command { return f.exec(client, "sha256sum f - f") },
}

func TestACommandThatWaitsForItsClientIsIdle(t *testing.T) {
	t.Parallel()
	for name, begin := range waiting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t)
			f.put("f", "x")
			begin(f, f.ssh())
			f.server.SetLimits(sftp.Limits{IdleTimeout: 300 * time.Millisecond})
			if s := f.events.session(t); s.Reason != "idle" {
				t.Errorf("ended as %q", s.Reason)
			}
		})
	}
}

func TestACommandThatWaitsForItsClientHoldsUpNoDrain(t *testing.T) {
	t.Parallel()
	for name, begin := range waiting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t)
			f.put("f", "x")
			begin(f, f.ssh())
			if err := <-f.shutdown(deadline); err != nil {
				t.Error(err)
			}
			if s := f.events.session(t); s.Reason != "drain" || s.Duration > deadline/2 {
				t.Errorf("ended as %q after %v", s.Reason, s.Duration)
			}
		})
	}
}

func TestADrainDoesNotCutAFileThatSCPTakes(t *testing.T) {
	inNoTime(t, func(t *testing.T) {
		f := serve(t, inMemory)
		c := f.exec(f.ssh(), "scp -t .")
		c.expect("\x00")
		c.say("C0644 15 g\n")
		c.expect("\x00")
		done := f.shutdown(deadline)
		for range 15 {
			time.Sleep(100 * time.Millisecond) // longer than a session without a file may be quiet
			c.say("a")
		}
		c.say("\x00")
		c.expect("\x00")
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, tr := range f.events.transfers {
			if tr.Err != nil || tr.Bytes != 15 {
				t.Errorf("the transfer is %+v", tr)
			}
		}
	})
}

func TestATransferOnWhichNothingMovesIsStalled(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(f *fixture){
		"scp, up": func(f *fixture) {
			c := f.exec(f.ssh(), "scp -t .")
			c.expect("\x00")
			c.say("C0644 1000 g\n")
			c.expect("\x00")
			c.say("abc")
		},
		"scp, down": func(f *fixture) {
			d, client := f.deaf()
			c := f.exec(client, "scp -f big")
			d.stop()
			c.say("\x00\x00")
		},
		"scp, down, without an answer": func(f *fixture) {
			c := f.exec(f.ssh(), "scp -f f")
			c.say("\x00")
			c.expect("C0644 1 f\n")
		},
		"SFTP, up": func(f *fixture) {
			r := f.raw()
			h := r.open("/g", openWrite|openCreate)
			b := packet(fxpWrite, uint32(9), h, uint64(0), random(1000))
			r.send(b[:500])
		},
		"SFTP, down": func(f *fixture) {
			d, client := f.deaf()
			r := f.rawSession(client)
			h := r.open("/big", openRead)
			d.stop()
			go func() {
				for i := range uint32(200) {
					if _, err := r.channel.Write(packet(fxpRead, i, h, uint64(i)<<15, uint32(255<<10))); err != nil {
						return
					}
				}
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, func(f *fixture) {
				f.options.Limits, f.buffer = sftp.Limits{StallTimeout: deadline}, 16<<10
			})
			f.put("f", "x")
			f.put("big", random(32<<20))
			begin(f)
			f.server.SetLimits(sftp.Limits{StallTimeout: 300 * time.Millisecond})
			if s := f.events.session(t); s.Reason != "stalled" {
				t.Errorf("ended as %q", s.Reason)
			}
		})
	}
}

func TestAPauseIsNoStallBetweenRequests(t *testing.T) {
	inNoTime(t, func(t *testing.T) {
		f := serve(t, inMemory, func(f *fixture) { f.options.Limits.StallTimeout = 100 * time.Millisecond })
		r := f.raw()
		h := r.open("/g", openWrite|openCreate)
		for i := range 3 {
			time.Sleep(400 * time.Millisecond)
			r.want(statusOK, fxpWrite, h, uint64(i), "a")
		}
	})
}

func TestAChannelWithoutAProgramIsClosed(t *testing.T) {
	t.Parallel()
	f := serve(t)
	client := f.ssh()
	f.server.WaitForPrograms(time.Second)
	for name, say := range map[string]func(ch ssh.Channel){
		"and without a word":                    func(ssh.Channel) {},
		"with data that nothing was asked for":  func(ch ssh.Channel) { ch.Write(make([]byte, 1000)) },
		"with errors, which clients have not":   func(ch ssh.Channel) { ch.Stderr().Write(make([]byte, 1000)) },
		"with requests that are not for files":  func(ch ssh.Channel) { ch.SendRequest("env", true, make([]byte, 8)) },
		"with as many data as the channel fits": func(ch ssh.Channel) { go ch.Write(make([]byte, 4<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			ch, reqs, err := client.OpenChannel("session", nil)
			if err != nil {
				t.Fatal(err)
			}
			go ssh.DiscardRequests(reqs)
			say(ch)
			ended := make(chan error, 1)
			go func() {
				_, err := ch.Read(make([]byte, 1))
				ended <- err
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			case <-time.After(deadline):
				t.Error("the channel is still open")
			}
		})
	}
	f.server.WaitForPrograms(deadline)
	f.exec(client, "pwd").expect("/\n")
}

func TestWhatFollowsTheRequestAtOnceIsNotTooEarly(t *testing.T) {
	t.Parallel()
	f := serve(t)
	client := f.ssh()
	for range 200 {
		ch, reqs, err := client.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		ch.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{"md5sum"}))
		io.WriteString(ch, "content")
		ch.CloseWrite()
		(&command{t, ch}).expect("9a0364b9e99bb480dd25e1f0284c8555  -\n")
		ch.Close()
	}
}

func TestKeepAlivesCountIfThatIsWanted(t *testing.T) {
	const idle = time.Minute
	for _, counts := range []bool{false, true} {
		t.Run(fmt.Sprint(counts), func(t *testing.T) {
			inNoTime(t, func(t *testing.T) {
				f := serve(t, inMemory, func(f *fixture) { f.options.Limits = sftp.Limits{IdleTimeout: idle, CountKeepAlives: counts} })
				client := f.ssh()
				lives := true
				for began := time.Now(); lives && time.Since(began) < idle*3/2; time.Sleep(idle / 10) {
					_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
					lives = err == nil
				}
				if lives != counts {
					t.Errorf("keepalives count: %v; the session lives: %v", counts, lives)
				}
				f.server.SetLimits(sftp.Limits{IdleTimeout: 100 * time.Millisecond}) // hot
				if s := f.events.session(t); s.Reason != "idle" {
					t.Errorf("ended as %q", s.Reason)
				}
			})
		})
	}
}
