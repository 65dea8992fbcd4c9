package tlsrecord

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const deadline = 20 * time.Second

var certificate = sync.OnceValue(func() tls.Certificate { return fixture.NewCertificate().TLS })

// A mutable connection, once it is muted, drops what is sent. crypto/tls does not take an update of
// keys for one if it cannot send its answer.
type mutable struct {
	net.Conn
	muted bool
}

func (m *mutable) Write(p []byte) (int, error) {
	if m.muted {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// A pair is a connection of crypto/tls after its handshake, on which the server
// only receives.
type pair struct {
	client, server *tls.Conn
	toServer       net.Conn // below client
	secret         ClientSecret
}

func newPair(t testing.TB, version uint16) *pair {
	t.Helper()
	p := &pair{}
	var below net.Conn
	p.toServer, below = net.Pipe()
	p.client = tls.Client(p.toServer, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	onlyReceives := &mutable{Conn: below}
	p.server = tls.Server(onlyReceives, &tls.Config{
		Certificates: []tls.Certificate{certificate()}, KeyLogWriter: &p.secret, SessionTicketsDisabled: true,
	})
	for _, c := range []*tls.Conn{p.client, p.server} {
		c.SetDeadline(time.Now().Add(deadline))
	}
	t.Cleanup(func() {
		p.toServer.Close()
		below.Close()
	})
	done := make(chan error, 1)
	go func() { done <- p.client.Handshake() }()
	if err := errors.Join(p.server.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	onlyReceives.muted = true
	return p
}

func (p *pair) opener(t testing.TB) *Opener {
	t.Helper()
	state := p.server.ConnectionState()
	o := NewOpener(&state, &p.secret)
	if o == nil {
		t.Fatalf("there is none for version %x with %s", state.Version, tls.CipherSuiteName(state.CipherSuite))
	}
	return o
}

// A sealer makes records. It is an opener the other way round, whose own keys
// crypto/tls is the check of.
type sealer struct{ Opener }

func (s *sealer) seal(kind byte, content []byte, padding int) []byte {
	inner := append(append(bytes.Clone(content), kind), make([]byte, padding)...)
	record := binary.BigEndian.AppendUint16([]byte{typeApplicationData, 3, 3}, uint16(len(inner)+tagSize))
	nonce := s.iv
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.seq)
	s.seq++
	return s.aead.Seal(record, nonce[:], inner, record)
}

// update makes a KeyUpdate, after which records are sealed with other keys.
func (s *sealer) update(request byte) []byte {
	message := append(bytes.Clone(keyUpdate), request)
	record := s.seal(typeHandshake, message, 0)
	if err := s.Opener.update(message); err != nil {
		panic(err)
	}
	return record
}

// readAll opens all records of b.
func readAll(o *Opener, b []byte) (data []byte, err error) {
	for len(b) > 0 {
		var record []byte
		if record, b, err = Next(b); err != nil {
			return data, err
		}
		if record == nil {
			return data, io.ErrUnexpectedEOF
		}
		if data, err = o.Open(data, record); err != nil {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	return data, err
}

// byTLS is what crypto/tls reads of b.
func (p *pair) byTLS(b []byte) (data []byte, err error) {
	go func() {
		p.toServer.Write(b)
		p.toServer.Close()
	}()
	return io.ReadAll(p.server)
}

func TestOpensWhatCryptoTLSSends(t *testing.T) {
	t.Parallel()
	p := newPair(t, tls.VersionTLS13)
	want := make([]byte, 300_000)
	rand.Read(want)
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)*2/3)
			p.client.Write(rest[:n])
			rest = rest[n:]
		}
		p.client.CloseWrite()
		p.toServer.Close()
	}()
	below := p.server.NetConn()
	sealed, err := io.ReadAll(below)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(p.opener(t), sealed)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes are read, %v", len(got), len(want), err)
	}
}

// script is a conversation that RFC 8446 allows.
func script(s *sealer) []byte {
	return bytes.Join([][]byte{
		s.seal(typeApplicationData, []byte("one "), 0),
		s.seal(typeApplicationData, []byte("padded "), 1000),
		s.seal(typeApplicationData, nil, 0),
		s.seal(typeApplicationData, []byte("zeros\x00\x00"), 3),
		s.update(0),
		s.seal(typeApplicationData, []byte(" updated"), 0),
		s.update(1),
		s.update(0),
		s.seal(typeAlert, []byte{1, alertUserCanceled}, 0),
		s.seal(typeApplicationData, bytes.Repeat([]byte{'x'}, maxData), 0),
		s.seal(typeAlert, []byte{1, alertCloseNotify}, 7),
	}, nil)
}

func TestOpensAllThatAClientMaySend(t *testing.T) {
	t.Parallel()
	p := newPair(t, tls.VersionTLS13)
	sealed := script(&sealer{*p.opener(t)})
	got, err := readAll(p.opener(t), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if want := "one padded zeros\x00\x00 updated" + strings.Repeat("x", maxData); string(got) != want {
		t.Errorf("it reads %q", got)
	}
	if theirs, err := p.byTLS(sealed); err != nil || !bytes.Equal(theirs, got) {
		t.Errorf("crypto/tls reads %q, %v", theirs, err)
	}
}

// crypto/tls cannot be told to use it.
func TestOpensAES256(t *testing.T) {
	t.Parallel()
	secret := &ClientSecret{}
	secret.Write([]byte("CLIENT_TRAFFIC_SECRET_0 00 " + strings.Repeat("ab", sha512.Size384) + "\n"))
	state := &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_256_GCM_SHA384}
	got, err := readAll(NewOpener(state, secret), script(&sealer{*NewOpener(state, secret)}))
	if err != nil || !bytes.HasPrefix(got, []byte("one padded")) || len(got) < maxData {
		t.Errorf("it reads %d bytes, %v", len(got), err)
	}
}

func TestAnOpenerIsForTLS13WithAESGCM(t *testing.T) {
	t.Parallel()
	p := newPair(t, tls.VersionTLS12)
	state := p.server.ConnectionState()
	if NewOpener(&state, &p.secret) != nil {
		t.Error("there is one for TLS 1.2")
	}
	secret := &ClientSecret{secret: make([]byte, sha256.Size)}
	for _, state := range []tls.ConnectionState{
		{Version: tls.VersionTLS13, CipherSuite: tls.TLS_CHACHA20_POLY1305_SHA256},
		{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_256_GCM_SHA384}, // whose secret is longer
		{Version: tls.VersionTLS12, CipherSuite: tls.TLS_AES_128_GCM_SHA256},
	} {
		if NewOpener(&state, secret) != nil {
			t.Errorf("there is one for version %x with %s", state.Version, tls.CipherSuiteName(state.CipherSuite))
		}
	}
	if NewOpener(&tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}, &ClientSecret{}) != nil {
		t.Error("there is one without a secret")
	}
}

func TestRefusesWhatCryptoTLSRefuses(t *testing.T) {
	t.Parallel()
	change := func(at int, b []byte) []byte {
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	data := []byte("data")
	for name, tc := range map[string]struct {
		records func(s *sealer) [][]byte
		want    error
	}{
		"a changed byte": {func(s *sealer) [][]byte { return [][]byte{change(headerSize, s.seal(typeApplicationData, data, 0))} }, alertBadRecordMAC},
		"a changed tag":  {func(s *sealer) [][]byte { return [][]byte{change(-1, s.seal(typeApplicationData, data, 0))} }, alertBadRecordMAC},
		"a record that comes twice": {func(s *sealer) [][]byte {
			b := s.seal(typeApplicationData, data, 0)
			return [][]byte{b, b}
		}, alertBadRecordMAC},
		"a record that is missing": {func(s *sealer) [][]byte {
			s.seal(typeApplicationData, data, 0)
			return [][]byte{s.seal(typeApplicationData, data, 0)}
		}, alertBadRecordMAC},
		"the old key": {func(s *sealer) [][]byte {
			old := *s
			return [][]byte{s.update(0), old.seal(typeApplicationData, data, 0)}
		}, alertBadRecordMAC},
		"a record shorter than a tag": {func(*sealer) [][]byte { return [][]byte{{typeApplicationData, 3, 3, 0, 1, 0}} }, alertBadRecordMAC},
		"a record that is too long":   {func(*sealer) [][]byte { return [][]byte{{typeApplicationData, 3, 3, 0x41, 0x01}} }, alertRecordOverflow},
		"data that is too long": {func(s *sealer) [][]byte {
			return [][]byte{s.seal(typeApplicationData, make([]byte, maxData+1), 0)}
		}, alertRecordOverflow},
		"padding that is too long": {func(s *sealer) [][]byte {
			return [][]byte{s.seal(typeApplicationData, make([]byte, maxData), 1)}
		}, alertRecordOverflow},
		"padding alone":             {func(s *sealer) [][]byte { return [][]byte{s.seal(0, nil, 10)} }, alertUnexpectedMessage},
		"a plain record":            {func(*sealer) [][]byte { return [][]byte{{typeAlert, 3, 3, 0, 2, 1, 0}} }, alertUnexpectedMessage},
		"ChangeCipherSpec":          {func(*sealer) [][]byte { return [][]byte{{20, 3, 3, 0, 1, 1}} }, alertUnexpectedMessage},
		"a sealed ChangeCipherSpec": {func(s *sealer) [][]byte { return [][]byte{s.seal(20, []byte{1}, 0)} }, alertUnexpectedMessage},
		"another handshake":         {func(s *sealer) [][]byte { return [][]byte{s.seal(typeHandshake, []byte{20, 0, 0, 0}, 0)} }, alertUnexpectedMessage},
		"an odd key update":         {func(s *sealer) [][]byte { return [][]byte{s.seal(typeHandshake, []byte{24, 0, 0, 1, 2}, 0)} }, alertIllegalParameter},
		"an empty handshake":        {func(s *sealer) [][]byte { return [][]byte{s.seal(typeHandshake, nil, 0)} }, alertUnexpectedMessage},
		"an alert of one byte":      {func(s *sealer) [][]byte { return [][]byte{s.seal(typeAlert, []byte{1}, 0)} }, alertDecodeError},
		"an alert":                  {func(s *sealer) [][]byte { return [][]byte{s.seal(typeAlert, []byte{2, 80}, 0)} }, tls.AlertError(80)},
		"empty records": {func(s *sealer) (b [][]byte) {
			for range maxIdle + 1 {
				b = append(b, s.seal(typeApplicationData, nil, 0))
			}
			return b
		}, alertUnexpectedMessage},
		"key updates": {func(s *sealer) (b [][]byte) {
			for range maxIdle + 1 {
				b = append(b, s.update(0))
			}
			return b
		}, alertUnexpectedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, tls.VersionTLS13)
			sealed := bytes.Join(tc.records(&sealer{*p.opener(t)}), nil)
			if _, err := readAll(p.opener(t), sealed); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, not %v", err, tc.want)
			}
			if strings.Contains(name, "ChangeCipherSpec") { // which crypto/tls ignores, against section 5
				return
			}
			if _, err := p.byTLS(sealed); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("crypto/tls does not refuse it: %v", err)
			}
		})
	}
}

// FuzzOpener compares it with crypto/tls. A message that comes in parts, which is
// refused, is the only difference that there may be.
func FuzzOpener(f *testing.F) {
	f.Add([]byte{23, 4, 2, 'd', 'a', 't', 'a', 22, 5, 0, 24, 0, 0, 1, 0, 23, 1, 0, 'x', 21, 2, 0, 1, 0})
	f.Add([]byte{23, 0, 200, 255, 23, 1, 0, 'x'})
	f.Fuzz(func(t *testing.T, input []byte) {
		p := newPair(t, tls.VersionTLS13)
		s := &sealer{*p.opener(t)}
		var sealed []byte
		for len(input) >= 3 {
			kind, size, padding := input[0], min(int(input[1]), len(input)-3), int(input[2])
			content := input[3 : 3+size]
			input = input[3+size:]
			record := s.seal(kind, content, padding)
			switch {
			case kind == 255: // a byte is changed
				record[padding%len(record)] ^= 1
			case kind == typeHandshake && len(content) == 5 && bytes.HasPrefix(content, keyUpdate):
				s.Opener.update(content)
			}
			sealed = append(sealed, record...)
		}
		ours, err := readAll(p.opener(t), sealed)
		theirs, theirErr := p.byTLS(sealed)
		if !bytes.HasPrefix(theirs, ours) {
			t.Errorf("it reads %q, crypto/tls %q", ours, theirs)
		}
		// Without a close_notify crypto/tls says so; that is for the reader of records.
		refused := theirErr != nil && !errors.Is(theirErr, io.ErrUnexpectedEOF)
		if err == nil && (refused || !bytes.Equal(ours, theirs)) {
			t.Errorf("it reads %q, and crypto/tls %q with the error %v", ours, theirs, theirErr)
		}
	})
}
