package sftp_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestShellsAndCommandsAreRefusedClearly(t *testing.T) {
	t.Parallel()
	client := serve(t).ssh()
	for name, start := range map[string]func(*ssh.Session) error{
		"a shell":           func(s *ssh.Session) error { return s.Shell() },
		"a command":         func(s *ssh.Session) error { return s.Start("rm -rf /") },
		"an empty command":  func(s *ssh.Session) error { return s.Start("") },
		"a broken quote":    func(s *ssh.Session) error { return s.Start("scp -t 'x") },
		"an SFTP server":    func(s *ssh.Session) error { return s.Start("/usr/lib/openssh/sftp-server") },
		"scp without names": func(s *ssh.Session) error { return s.Start("scp -t") },
	} {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out := &syncBuffer{}
		s.Stderr, s.Stdout = out, out
		if err := start(s); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var exit *ssh.ExitError
		if err := s.Wait(); !errors.As(err, &exit) || exit.ExitStatus() == 0 {
			t.Errorf("%s: ended with %v", name, err)
		}
		if got := out.String(); !strings.Contains(got, "only serves files") && !strings.Contains(got, "usage: scp") {
			t.Errorf("%s: the user is told %q", name, got)
		}
	}
}

func TestTerminalsAgentsAndForwardingAreRefused(t *testing.T) {
	t.Parallel()
	client := serve(t).ssh()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Error("there is a terminal")
	}
	for _, request := range []string{"auth-agent-req@openssh.com", "x11-req", "env"} {
		if ok, err := s.SendRequest(request, true, nil); err != nil || ok {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	if err := s.RequestSubsystem("netconf"); err == nil {
		t.Error("there is another subsystem")
	}
	if _, err := client.Dial("tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "there is no forwarding") {
		t.Errorf("forwarding from the client: %v", err)
	}
	if _, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("the server forwards to the client")
	}
	if _, err := client.Dial("unix", "/x"); err == nil {
		t.Error("the server forwards to a socket")
	}
}

func TestRequestsThatAreMalformedEndNothing(t *testing.T) {
	t.Parallel()
	client := serve(t).ssh()
	for _, request := range []string{"subsystem", "exec"} {
		for _, payload := range []string{"", "\xff", "\x00\x00\x00\x09sftp", "\xff\xff\xff\xffx", "\x00\x00\x00\x04sftpx"} {
			ch, reqs, err := client.OpenChannel("session", nil)
			if err != nil {
				t.Fatalf("after %s %q: %v", request, payload, err)
			}
			go ssh.DiscardRequests(reqs)
			if ok, err := ch.SendRequest(request, true, []byte(payload)); err != nil || ok {
				t.Errorf("%s %q: %v, %v", request, payload, ok, err)
			}
			ch.Close()
		}
	}
}

func TestKeepalivesAreAnswered(t *testing.T) {
	t.Parallel()
	client := serve(t).ssh()
	for range 3 {
		if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			t.Fatal(err)
		}
	}
	ch, reqs, err := client.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if _, err := ch.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOneChannelServesOneThing(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.rawChannel(f.ssh())
	for _, request := range []string{"shell", "subsystem"} {
		ok, err := r.channel.SendRequest(request, true, ssh.Marshal(struct{ Name string }{"sftp"}))
		if err != nil || ok {
			t.Errorf("a second %s: %v, %v", request, ok, err)
		}
	}
	r.send(packet(fxpInit, uint32(6)))
	if kind, _ := r.receive(); kind != fxpVersion {
		t.Errorf("the first is gone: %d", kind)
	}
}

func TestChannelsAreLimited(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Limits.MaxChannels = 2 })
	client := f.ssh()
	var channels []io.Closer
	for range 2 {
		ch, reqs, err := client.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		channels = append(channels, ch)
	}
	if _, _, err := client.OpenChannel("session", nil); err == nil || !strings.Contains(err.Error(), "too many channels") {
		t.Errorf("a third channel: %v", err)
	}
	channels[0].Close()
	eventually(t, "room for a channel", func() bool {
		ch, reqs, err := client.OpenChannel("session", nil)
		if err == nil {
			go ssh.DiscardRequests(reqs)
			ch.Close()
		}
		return err == nil
	})
}
