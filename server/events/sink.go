package events

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	// postTime is how long a receiver may take for an event, with its answer.
	postTime = 15 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used again.
	maxAnswer = 64 << 10
	// maxReason is how much is told of why a delivery failed.
	maxReason = 200
)

// A verdict is how a delivery went. One without anything was not tried.
type verdict struct {
	ok     bool
	dead   bool          // it will never be taken
	reason string        // why it failed, without secrets
	result string        // a word, for metrics
	after  time.Duration // that the receiver wants to be left alone
}

// A sink is where events go.
type sink struct {
	mu     sync.Mutex
	config config.Events
	client *http.Client
}

// use puts another receiver in force.
func (s *sink) use(c config.Events) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    couriers,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
	}
	if c.CA != "" {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		t.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(c.CA)) // if it has none, nobody is trusted
	}
	s.config = c
	s.client = &http.Client{
		Transport: t, Timeout: postTime,
		// An event goes where it was meant to go, with the credentials for that.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends an event.
func (s *sink) post(ctx context.Context, event []byte) verdict {
	s.mu.Lock()
	c, client := s.config, s.client
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Sink, bytes.NewReader(event))
	if err != nil {
		return verdict{reason: "the address of the receiver is no URL", result: "unreachable"}
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=UTF-8")
	req.Header.Set("User-Agent", "fileserver")
	if err := authorize(req, c.CredentialsDir); err != nil {
		return verdict{reason: "the credentials cannot be read: " + brief(err), result: "credentials"}
	}
	resp, err := client.Do(req)
	if err != nil {
		v := verdict{reason: brief(err), result: "unreachable"}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			v.reason, v.result = "no answer within "+postTime.String(), "timeout"
		}
		return v
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // the status says it all
	return judge(resp)
}

// judge says what a status means
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md, section 2.2).
func judge(resp *http.Response) verdict {
	v := verdict{reason: fmt.Sprintf("it answers %d", resp.StatusCode), result: strconv.Itoa(resp.StatusCode/100) + "xx"}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		v.dead, v.result = true, "dead"
		return v
	}
	if resp.StatusCode/100 == 2 {
		return verdict{ok: true, result: "ok"}
	}
	v.after = retryAfter(resp.Header.Get("Retry-After"))
	return v
}

// retryAfter reads the header of RFC 9110 section 10.2.3.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// authorize adds what a folder has: a token, or a user's name with a password. It is read each time,
// as it changes.
func authorize(req *http.Request, dir string) error {
	if dir == "" {
		return nil
	}
	read := func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		return strings.TrimSpace(string(b)), err
	}
	token, err := read(config.EventsToken)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	user, err := read(config.EventsUsername)
	if err != nil {
		return err
	}
	password, err := read(config.EventsPassword)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	return nil
}

// brief is an error without the URL, which may hold a secret.
func brief(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	text := strings.ToValidUTF8(err.Error(), "?")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}
