package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/shacrypt"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const (
	serverIP     = "127.0.0.1"
	passivePorts = 10 // of a pod by default
	password     = "soak-and-rinse"
	// Users: a well-behaved one, one who misbehaves, one of those who may only
	// read, and one whose hash is memory-hard.
	friendUser, malloryUser, readerUser, argonUser = "friend", "mallory", "reader", "argon"
	largeFile                                      = "large" // in mallory's home
	largeSize                                      = 64 << 20
)

// target is where the server is, for those who connect to it.
type target struct {
	FTP, FTPS, SFTP int
	PassiveFirst    int
}

func (t target) address(port int) string { return net.JoinHostPort(serverIP, strconv.Itoa(port)) }

// server is the process under test.
type server struct {
	target
	*fixture.Process
	http  string
	group *group
}

func startServer(ctx context.Context, program, dir string) (*server, error) {
	ports, err := fixture.FreePorts(passivePorts)
	if err != nil {
		return nil, err
	}
	s := &server{
		target: target{FTP: ports.FTP, FTPS: ports.FTPS, SFTP: ports.SFTP, PassiveFirst: ports.Passive.First},
		http:   fixture.Address(ports.HTTP),
	}
	if err := writeFiles(dir, ports); err != nil {
		return nil, err
	}
	if s.group, err = newGroup(memoryLimit); err != nil {
		return nil, err
	}
	// The shell joins the group before it becomes the server, so that all of
	// the server's memory counts.
	s.Process, err = fixture.Start(ctx, program, dir, ports.HTTP, "/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, s.group.path)
	if err != nil {
		s.group.remove()
		return nil, err
	}
	return s, nil
}

func (s *server) alive() bool {
	select {
	case <-s.Ended():
		return false
	default:
		return true
	}
}

func (s *server) kill() {
	s.Kill()
	s.group.remove()
}

// shutdown ends the server as a kubelet does.
func (s *server) shutdown(within time.Duration) (time.Duration, error) {
	begun := time.Now()
	err := s.Stop(within)
	return time.Since(begun), err
}

func (s *server) lastLines() string {
	b, err := os.ReadFile(s.LogFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b[max(0, len(b)-64<<10):])), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// peakMemory is the most that the group has ever had.
func (s *server) peakMemory() (int64, error) { return s.group.peak() }

// usage is what the server has in use.
type usage struct{ goroutines, descriptors, heap int64 }

// How much more than at the start may be in use at the end: the well-behaved
// user's last connections, what pools keep, and a heap that has not been
// collected of the last scrapes.
var tolerance = usage{goroutines: 20, descriptors: 12, heap: 48 << 20}

func (s *server) usage() (usage, error) {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get("http://" + s.http + "/metrics")
	if err != nil {
		return usage{}, err
	}
	defer resp.Body.Close()
	var u usage
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			u.goroutines = int64(n)
		case "process_open_fds":
			u.descriptors = int64(n)
		case "go_memstats_heap_alloc_bytes":
			u.heap = int64(n)
		}
	}
	if u.goroutines == 0 || u.descriptors == 0 || u.heap == 0 {
		return u, errors.New("/metrics lacks goroutines, descriptors or heap")
	}
	return u, nil
}

// rest waits until no more is in use than at the start, or, where there is no
// start, for all of the time, and then returns the least of it. Its requests
// make garbage, by which the collector gets to what the crowd has left.
func (s *server) rest(ctx context.Context, start usage, patience time.Duration) (usage, error) {
	var least usage
	for end := time.Now().Add(patience); time.Now().Before(end); pause(ctx, 2*time.Millisecond) {
		u, err := s.usage()
		if err != nil {
			return u, fmt.Errorf("asking for metrics: %w", err)
		}
		if least == (usage{}) {
			least = u
		}
		least = usage{min(least.goroutines, u.goroutines), min(least.descriptors, u.descriptors), min(least.heap, u.heap)}
		if start != (usage{}) && least.within(start) {
			return least, nil
		}
		if ctx.Err() != nil {
			return least, ctx.Err()
		}
	}
	if start == (usage{}) {
		return least, nil
	}
	return least, fmt.Errorf("%s after the crowd has gone the server has %+v in use, and had %+v before it came", patience, least, start)
}

func (u usage) within(start usage) bool {
	return u.goroutines <= start.goroutines+tolerance.goroutines &&
		u.descriptors <= start.descriptors+tolerance.descriptors &&
		u.heap <= start.heap+tolerance.heap
}

// writeFiles makes all that the server reads: the configuration is that of an
// empty spec, but for ports, plain FTP and a short drain.
func writeFiles(dir string, ports fixture.Ports) error {
	users, err := users()
	if err != nil {
		return err
	}
	c := fixture.Config(dir, ports)
	c.Passive.PeerCheck = config.PeerAddress
	c.Sessions = config.Sessions{
		IdleTimeout: config.Duration(15 * time.Minute), LoginGrace: config.Duration(time.Minute),
		Ban: config.Ban{Failures: 10, Window: config.Duration(10 * time.Minute), Duration: config.Duration(10 * time.Minute)},
	}
	c.Drain = config.Drain{AcceptFor: config.Duration(acceptFor), Timeout: config.Duration(drainTimeout)}
	home := filepath.Join(c.Storage.Root, malloryUser)
	if err := errors.Join(fixture.WriteKeys(dir, fixture.NewCertificate(), fixture.NewSSHKey()), fixture.WriteConfig(dir, c, users...),
		os.MkdirAll(filepath.Join(c.Storage.Root, friendUser), 0o755), os.MkdirAll(home, 0o755),
		os.WriteFile(filepath.Join(home, largeFile), bytes.Repeat([]byte("0123456789abcde\n"), largeSize/16), 0o600)); err != nil {
		return err
	}
	for i := range 400 { // what a folder that is open holds in memory
		name := fmt.Sprintf("a file with a name that is rather long, number %d", i)
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func users() (users []config.User, err error) {
	sha, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(5000)) // as the operator makes them
	if err != nil {
		return nil, err
	}
	argon, err := argon2.New(argon2.WithProfileRFC9106LowMemory())
	if err != nil {
		return nil, err
	}
	for _, u := range []struct {
		name, home string
		access     config.Access
		hasher     algorithm.Hash
	}{
		{friendUser, friendUser, config.AccessReadWrite, sha},
		{malloryUser, malloryUser, config.AccessReadWrite, sha},
		{readerUser, malloryUser, config.AccessReadOnly, sha},
		{argonUser, malloryUser, config.AccessReadOnly, argon},
	} {
		digest, err := u.hasher.Hash(password)
		if err != nil {
			return nil, err
		}
		users = append(users, config.User{Name: u.name, PasswordHash: digest.Encode(), Home: u.home, Access: u.access})
	}
	return users, nil
}

// pause waits, unless all is over.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
